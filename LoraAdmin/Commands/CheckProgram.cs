using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Commands;

/// <summary>One configured outside part.</summary>
/// <param name="Remedy">What to do when trying it fails in a way of its own.</param>
/// <param name="TryAsync">What is wrong and what to do; null when it works.</param>
internal sealed record CheckedPart(string Name, string Remedy, Func<CancellationToken, Task<string?>> TryAsync);

/// <summary>
/// <c>dotnet run --project LoraAdmin -- check</c> (requirement O3): tries every configured outside part and says what is wrong and what to do. It
/// makes no pod, spends no money and leaves nothing behind.
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
        IIds ids = services.GetRequiredService<IIds>();
        IReadOnlyList<CheckedPart> parts =
        [
            new("options", "", _ => Task.FromResult<string?>(null)),
            DatabaseCheck.Of(services),
            StorageChecks.OfStore(services.GetRequiredService<IObjectStore>(), ids),
            StorageChecks.OfSpool(services.GetRequiredService<ISpool>(), ids),
            .. RedisCheck.Of(configuration.GetConnectionString("Redis")),
            .. services.GetRequiredService<CloudAttachment>().LocalCloudIsVendor ? [] : RunPodChecks.Of(services),
            .. services.GetRequiredService<CloudAttachment>().LocalCloudIsVendor || ReplicateChecks.WhyNot(services) is not null ? [] : ReplicateChecks.Of(services),
            ClockCheck.Of(services),
        ];
        if (services.GetRequiredService<CloudAttachment>().LocalCloudIsVendor)
        {
            await output.WriteLineAsync($"–  runpod    not attached: LocalCloud plays it. Set {CloudAttachment.RunPodKey} to attach an account.");
            await output.WriteLineAsync($"–  replicate not attached: LocalCloud plays it. Set {CloudAttachment.ReplicateToken} beside the key of a RunPod account.");
        }
        else if (ReplicateChecks.WhyNot(services) is { } why)
        {
            await output.WriteLineAsync($"–  replicate {why}.");
        }

        int wrong = 0;
        foreach (CheckedPart part in parts)
        {
            string? problem = await TryAsync(part, cancellationToken);
            wrong += problem is null ? 0 : 1;
            await output.WriteLineAsync(problem is null ? $"ok {part.Name}" : $"!  {part.Name,-9} {problem}");
        }

        return wrong;
    }

    private static async Task<string?> TryAsync(CheckedPart part, CancellationToken cancellationToken)
    {
        using CancellationTokenSource patience = new(Patience, TimeProvider.System);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, cancellationToken);
        try
        {
            return await part.TryAsync(either.Token);
        }
        catch (OperationCanceledException) when (patience.IsCancellationRequested)
        {
            return $"No answer within {Patience.TotalSeconds:0} s. {part.Remedy}";
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            // Whatever it is, the person at the console needs the words of the part that failed and no trace of ours; on one line.
            string words = string.Join(' ', failure.GetBaseException().Message.Split(['\r', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
            return $"{words.TrimEnd('.')}. {part.Remedy}";
        }
    }
}
