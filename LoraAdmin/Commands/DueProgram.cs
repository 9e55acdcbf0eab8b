using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using Microsoft.Extensions.Options;

namespace LoraAdmin.Commands;

/// <summary>
/// <c>dotnet run --project LoraAdmin -- due</c>: which runs of operations would happen if the portal started now, to go on from interrupted ones and to make
/// up for instants that passed while it was down. Starts nothing.
/// </summary>
internal static class DueProgram
{
    public const string Verb = "due";

    public static async Task<int> RunAsync(string[] args)
    {
        try
        {
            await using WebApplication app = Portal.Build([.. args, "--Logging:LogLevel:Default=Warning"]);
            app.Services.GetRequiredService<IStartupValidator>().Validate();
            await app.Services.GetRequiredService<DatabaseStartup>().LookAsync(CancellationToken.None);
            DueRuns due = await app.Services.GetRequiredService<OccurrenceKeeper>().PreviewAsync(CancellationToken.None);
            await WriteAsync(due, app.Services.GetRequiredService<OperationRegistry>(), Console.Out);
            return 0;
        }
        catch (Exception failure) when (StartupScreen.Explains(failure))
        {
            await StartupScreen.WriteAsync(failure, Console.Error);
            return 1;
        }
        catch (StoreUnavailableException away)
        {
            await Console.Error.WriteLineAsync($"{away.Message} Nothing can be said before it answers.");
            return 1;
        }
    }

    internal static async Task WriteAsync(DueRuns due, OperationRegistry operations, TextWriter output)
    {
        int count = due.Interrupted.Count + due.Owed.Count;
        await output.WriteLineAsync(count switch
        {
            0 when due.Leased.Count > 0 => "If the portal starts now, no run happens at once.",
            0 => "If the portal starts now, no run happens at once: none was interrupted, and no scheduled instant was missed that is made up for.",
            1 => "If the portal starts now, this run happens:",
            _ => $"If the portal starts now, these {count} runs happen:",
        });
        foreach (OperationRun run in due.Interrupted)
        {
            await output.WriteLineAsync($"  {TitleOf(run.Operation)}: goes on from run {run.Number}, which was interrupted after {run.Ended} of {run.Planned}");
        }

        foreach (OperationRun run in due.Leased)
        {
            await output.WriteLineAsync(
                $"  {TitleOf(run.Operation)}: run {run.Number} is at {run.Ended} of {run.Planned} and still held until {run.LeaseUntil:u} by {run.Instance}; "
                + "if nothing is heard of that portal until then, it is then gone on with");
        }

        foreach (OwedRun run in due.Owed)
        {
            string missed = run.Missed == 1 ? "missed once" : $"missed {run.Missed} times";
            await output.WriteLineAsync($"  {TitleOf(run.Operation)}: {missed}, last at {run.Instant:u}");
        }

        foreach (string operation in due.Unreadable)
        {
            await output.WriteLineAsync($"  {TitleOf(operation)}: its schedule can't be read, so nothing is known of its instants. Edit it on the operation's page");
        }

        string TitleOf(string operation) => $"{operations.Find(operation)!.Info.Title} ({operation})";
    }
}
