using System.Text;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Options;
using StackExchange.Redis;

namespace LoraAdmin.Commands;

/// <summary>
/// <c>dotnet run --project LoraAdmin -- check</c> (requirement O3): tries every configured outside part and says what is wrong and what to do. It
/// makes no pod and leaves nothing behind.
/// </summary>
internal static class CheckProgram
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);

    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            await using WebApplication app = Portal.Build([.. args, "--Logging:LogLevel:Default=Warning"]);
            app.Services.GetRequiredService<IStartupValidator>().Validate();
            int wrong = await CheckAsync(app.Services, app.Configuration, Console.Out, CancellationToken.None);
            await Console.Out.WriteLineAsync(wrong == 0
                ? "Everything that is configured works."
                : $"{wrong} of the parts above {(wrong == 1 ? "needs" : "need")} attention.");
            return wrong == 0 ? 0 : 1;
        }
        catch (Exception failure) when (StartupScreen.Explains(failure))
        {
            await StartupScreen.WriteAsync(failure, Console.Error);
            return 1;
        }
    }

    internal static async Task<int> CheckAsync(IServiceProvider services, IConfiguration configuration, TextWriter output, CancellationToken cancellationToken)
    {
        List<(string Part, Func<CancellationToken, Task<string?>> Try)> parts =
        [
            ("options", _ => Task.FromResult<string?>(null)),
            ("database", token => DatabaseAsync(services, token)),
            ("storage", token => StorageAsync(services.GetRequiredService<IObjectStore>(), services.GetRequiredService<IIds>(), token)),
            ("spool", token => SpoolAsync(services.GetRequiredService<ISpool>(), services.GetRequiredService<IIds>(), token)),
        ];
        if (configuration.GetConnectionString("Redis") is { Length: > 0 } redis)
        {
            parts.Add(("redis", token => RedisAsync(redis, token)));
        }

        if (services.GetRequiredService<CloudAttachment>().LocalCloudIsVendor)
        {
            await output.WriteLineAsync($"–  runpod    not attached: LocalCloud plays it. Set {CloudAttachment.RunPodKey} to attach an account.");
        }
        else
        {
            parts.Add(("runpod", token => RunPodAsync(services.GetRequiredService<IPodProvider>(), token)));
            parts.Add(("gpu types", token => GpuTypesAsync(services, token)));
            parts.Add(("balance", token => BalanceAsync(services.GetRequiredService<IAccountBalance>(), token)));
        }

        int wrong = 0;
        foreach ((string part, Func<CancellationToken, Task<string?>> attempt) in parts)
        {
            string? problem = await TryAsync(attempt, cancellationToken);
            wrong += problem is null ? 0 : 1;
            await output.WriteLineAsync(problem is null ? $"ok {part}" : $"!  {part,-9} {problem}");
        }

        return wrong;
    }

    private static async Task<string?> TryAsync(Func<CancellationToken, Task<string?>> attempt, CancellationToken cancellationToken)
    {
        using CancellationTokenSource patience = new(Patience, TimeProvider.System);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            return await attempt(either.Token);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            return $"No answer within {Patience.TotalSeconds:0} s.";
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or StoreUnavailableException or RedisException)
        {
            return failure.Message;
        }
    }

    private static async Task<string?> DatabaseAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        LoraDbFactory factory = services.GetRequiredService<LoraDbFactory>();
        if (factory.Target is DatabaseTarget.Sqlite sqlite && !File.Exists(sqlite.File))
        {
            return $"There is no database in {Path.GetDirectoryName(sqlite.File)} yet. The first start of the portal makes it.";
        }

        await using LoraDb db = factory.CreateDbContext();
        if (!await db.Database.CanConnectAsync(cancellationToken))
        {
            return "It can't be reached. Check ConnectionStrings:Database and that the server runs.";
        }

        int pending = (await db.Database.GetPendingMigrationsAsync(cancellationToken)).Count();
        return pending == 0 ? null : $"{pending} migrations are still to be applied. Start the portal once; it applies them.";
    }

    private static async Task<string?> StorageAsync(IObjectStore store, IIds ids, CancellationToken cancellationToken)
    {
        ObjectRef target = new(Buckets.TrainingImages, $"check/{ids.Next():D}");
        byte[] content = Encoding.UTF8.GetBytes("LoraAdmin check");
        using MemoryStream stream = new(content, writable: false);
        try
        {
            if (await store.PutAsync(target, stream, "text/plain", cancellationToken) is not PutOutcome.Stored stored)
            {
                return "A file could not be stored. Check the rights and the room below Data:Path.";
            }

            return await store.ReadBackSha256Async(target, cancellationToken) is ReadBack.Read read && read.Sha256 == stored.Sha256
                ? null
                : "A stored file did not read back as it was sent. Check the disk below Data:Path.";
        }
        finally
        {
            await store.DeleteAsync(target, CancellationToken.None);
        }
    }

    private static async Task<string?> SpoolAsync(ISpool spool, IIds ids, CancellationToken cancellationToken)
    {
        string name = $"check-{ids.Next():N}";
        using MemoryStream stream = new([1, 2, 3], writable: false);
        SpoolOutcome outcome = await spool.AppendAsync(name, 0, stream, cancellationToken);
        await spool.DeleteAsync(name, CancellationToken.None);
        return outcome switch
        {
            SpoolOutcome.Done => null,
            SpoolOutcome.NoRoom full => $"{full.Reason} Make room on the disk of Spool:Path.",
            SpoolOutcome.Failed failed => $"{failed.Reason} Check Spool:Path and the rights on it.",
            _ => "The spool took only a part. Check Spool:Path and its disk.",
        };
    }

    private static async Task<string?> RedisAsync(string connectionString, CancellationToken cancellationToken)
    {
        ConfigurationOptions options = ConfigurationOptions.Parse(connectionString);
        options.ConnectTimeout = (int)Patience.TotalMilliseconds;
        await using ConnectionMultiplexer connection = await ConnectionMultiplexer.ConnectAsync(options).WaitAsync(cancellationToken);
        RedisResult answer = await connection.GetDatabase().ScriptEvaluateAsync("return 'ok'");
        return (string?)answer == "ok" ? null : "It does not run scripts. Allow EVAL for this user (ConnectionStrings:Redis).";
    }

    private static async Task<string?> RunPodAsync(IPodProvider provider, CancellationToken cancellationToken) => await provider.ListAsync(cancellationToken) switch
    {
        PodListing.Complete => null,
        PodListing.Unavailable { Error: { Failure: ProviderFailure.Unauthorized } } => $"The key is not accepted. Set a valid {CloudAttachment.RunPodKey}.",
        PodListing.Unavailable { Error: { Failure: ProviderFailure.Forbidden } } => $"{CloudAttachment.RunPodKey} may not list pods. Give the key read and write access to pods.",
        PodListing.Unavailable { Error: { Failure: ProviderFailure.Unreachable } error } => $"It can't be reached: {error.Detail} Check RunPod:BaseUrl and the network.",
        PodListing.Unavailable unavailable => $"The account could not be listed: {unavailable.Error.Detail}",
        _ => "The account could not be listed.",
    };

    private static async Task<string?> GpuTypesAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        TrainingRules rules = services.GetRequiredService<TrainingRules>();
        if (await services.GetRequiredService<IGpuCatalog>().ReadAsync(cancellationToken) is not CatalogReading.Read read)
        {
            return "The catalog could not be read.";
        }

        List<string> unknown = [.. rules.GpuTypes.Except(read.Offers.Select(offer => offer.Id))];
        return unknown.Count == 0 ? null : $"RunPod's catalog does not have {string.Join(", ", unknown)}. Correct RunPod:GpuTypes.";
    }

    private static async Task<string?> BalanceAsync(IAccountBalance balance, CancellationToken cancellationToken) => await balance.ReadAsync(cancellationToken) switch
    {
        BalanceReading.Read { Balance: var left } when left <= Usd.Zero => $"The balance is {left}. Add credit: at zero RunPod ends pods with their data.",
        BalanceReading.Read => null,
        BalanceReading.Unavailable unavailable => $"The balance could not be read: {unavailable.Error.Detail}",
        _ => "The balance could not be read.",
    };
}
