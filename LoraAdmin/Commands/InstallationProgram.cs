using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Data;
using LoraAdmin.Pods;
using LoraAdmin.Training;
using Microsoft.EntityFrameworkCore.Storage;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Commands;

/// <summary>
/// <c>dotnet run --project LoraAdmin -- installation moved</c> and <c>… -- installation copied</c>: what a person says about a database that is bound
/// to another store (docs/deployment.md). A start refuses it until one of the two was said.
/// </summary>
internal static class InstallationProgram
{
    public const string Verb = "installation";

    private const string Moved = "moved";
    private const string Copied = "copied";

    public static async Task<int> RunAsync(string[] args)
    {
        if (args is not [Moved or Copied, ..])
        {
            await Console.Error.WriteLineAsync($"Say what happened to the database: -- {Verb} {Moved} (the same installation lives here now, and the original runs no more)");
            await Console.Error.WriteLineAsync($"or -- {Verb} {Copied} (this is another installation; the original's pods and trainings are never touched).");
            return 1;
        }

        try
        {
            await using WebApplication app = Portal.Build([.. args[1..], "--Logging:LogLevel:Default=Warning"]);
            app.Services.GetRequiredService<IStartupValidator>().Validate();
            return await SayAsync(app.Services, args[0] == Copied, Console.Out, CancellationToken.None);
        }
        catch (Exception failure) when (StartupScreen.Explains(failure))
        {
            await StartupScreen.WriteAsync(failure, Console.Error);
            return 1;
        }
    }

    internal static async Task<int> SayAsync(IServiceProvider services, bool copied, TextWriter output, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(output);
        DatabaseStartup startup = services.GetRequiredService<DatabaseStartup>();
        await startup.OpenAsync(cancellationToken);
        await using LoraDb db = services.GetRequiredService<LoraDbFactory>().CreateDbContext();
        InstallationBinding binding = startup.BindingOf(db);
        if (await binding.IsHereAsync(cancellationToken) == true)
        {
            await output.WriteLineAsync($"The installation lives in {binding.Place}: nothing was changed.");
            if (!copied)
            {
                return 0;
            }

            await output.WriteLineAsync(db.IsPostgres
                ? "Declare a copy where the copy is: name its database in ConnectionStrings:Database."
                : $"If this is a copy of a whole disk, remove {InstallationBinding.MarkerName} from the copy and run this again.");
            return 1;
        }

        await (copied ? RenewAsync(services, db, binding, output, cancellationToken) : binding.MoveHereAsync(cancellationToken));
        await output.WriteLineAsync(copied
            ? $"This is an installation of its own from now on, in {binding.Place}."
            : $"The installation lives in {binding.Place} from now on. Never start the original again: both would end each other's pods and trainings.");
        return 0;
    }

    /// <summary>The new id comes last: until then the start stays refused, and this can be run again.</summary>
    private static async Task RenewAsync(
        IServiceProvider services, LoraDb db, InstallationBinding binding, TextWriter output, CancellationToken cancellationToken)
    {
        int jobs = await services.GetRequiredService<JobsOfACopy>().EndAsync(cancellationToken);
        await using IDbContextTransaction transaction = await db.Database.BeginTransactionAsync(cancellationToken);
        DateTimeOffset now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        int pods = await PodCopyStore.DisownAsync(db, now, cancellationToken);
        int trainings = await HostedCopyStore.DisownAsync(db, now, cancellationToken);
        await binding.RenewHereAsync(services.GetRequiredService<CloudAttachment>().Kind, cancellationToken);
        await transaction.CommitAsync(CancellationToken.None);
        await output.WriteLineAsync($"{jobs} open jobs were cancelled here, {pods} pods and {trainings} trainings at Replicate let go of; in the original they go on.");
    }
}
