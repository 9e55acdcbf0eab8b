using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;

namespace LoraAdmin.Commands;

/// <summary>Compares the machine's clock with the database's, and the portal's with RunPod's, whose answers to the other parts have told it.</summary>
internal static class ClockCheck
{
    private const string Remedy = "The parts above must answer first.";

    public static CheckedPart Of(IServiceProvider services) => new("clocks", Remedy, token => TryAsync(services, token));

    private static async Task<string?> TryAsync(IServiceProvider services, CancellationToken cancellationToken)
    {
        ClockStandings clocks = services.GetRequiredService<ClockStandings>();
        if (services.GetRequiredService<TimeProvider>() is DatabaseClock database)
        {
            await database.MeasureAsync(services.GetRequiredService<LoraDbFactory>().DataSource!, cancellationToken);
            clocks.Note(ClockStandings.Database, database.Last!);
        }

        bool unheard = !services.GetRequiredService<CloudAttachment>().LocalCloudIsVendor && clocks.All.All(static one => one.Subject != ClockStandings.Provider);
        IReadOnlyList<string> problems = clocks.Problems(Environment.MachineName);
        return problems.Count > 0 ? $"{string.Join(". ", problems)}."
            : unheard ? $"RunPod has not said what time it is. {Remedy}"
            : null;
    }
}
