using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Clocks;

/// <summary>
/// Sees to it that this process's clock is held against the others, and tells people once of each that it differs from, and once when they agree again.
/// Every instance runs it for itself; whoever finds that another has died ends what that one had told.
/// </summary>
/// <param name="instance">This process; new with each start.</param>
/// <param name="host">Its machine, as people know it.</param>
public sealed class ClockWatch(
    IUnitOfWork work, ClockStandings clocks, IEnumerable<IOutsideClock> outside, TimeProvider clock, Func<ClockRules> rules, string instance, string host)
{
    public const string Name = "clocks.watch";

    /// <summary>Looks after which an owner whose answers have told nothing is asked: its calls are counted. While its word is waited for it is asked in each look.</summary>
    private const int SilentLooks = 5;

    private static readonly TimeSpan SayStillEvery = TimeSpan.FromMinutes(5);

    /// <summary>A process that has not said for so long that its clock still differs has ended.</summary>
    private static readonly TimeSpan DeadAfter = TimeSpan.FromMinutes(15);

    private static readonly Actor Self = Actor.Portal(Name);

    /// <exception cref="StoreUnavailableException">The database is away; what there is to tell is told next time.</exception>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        TimeSpan silent = rules().MeasureEvery * SilentLooks;
        bool waits = clocks.WhyUnvouched() is not null;
        foreach (IOutsideClock one in outside.Where(one => clocks.IsSilent(one.Subject, silent) || (waits && one.Subject == ClockStandings.Provider)))
        {
            string? why = await one.AskAsync(cancellationToken);
            if (clocks.IsSilent(one.Subject, silent))
            {
                clocks.Note(one.Subject, new ClockReading.Unread(why ?? "Its answer does not say what time it is"));
            }
        }

        await TellAsync(News, cancellationToken);
    }

    /// <summary>This process ends: nothing more is known of its clock.</summary>
    public Task LeaveAsync(CancellationToken cancellationToken) =>
        TellAsync(told => told.Where(row => row.Instance == instance).Select(row => Over(row, $"The portal on {row.Host} has ended")), cancellationToken);

    private async Task TellAsync(Func<IReadOnlyList<ClockDifference>, IEnumerable<ClockNews>> newsOf, CancellationToken cancellationToken)
    {
        IReadOnlyList<ClockDifference> known = await work.ReadAsync((unit, token) => unit.Store<IClockDifferenceStore>().ListAsync(token), cancellationToken);
        if (!newsOf(known).Any())
        {
            return;
        }

        await work.RunAsync(
            async (unit, token) =>
            {
                IClockDifferenceStore store = unit.Store<IClockDifferenceStore>();
                foreach (ClockNews news in newsOf(await store.ListAsync(token)))
                {
                    bool isFirst = true;
                    if (news.IsOver)
                    {
                        isFirst = await store.DeleteAsync(news.Row.Instance, news.Row.Subject, token);
                    }
                    else
                    {
                        await store.SaveAsync(news.Row, token);
                    }

                    if (isFirst && news.Fact is { } fact)
                    {
                        await unit.Events.AppendAsync(fact, token);
                    }
                }
            },
            cancellationToken);
    }

    private IEnumerable<ClockNews> News(IReadOnlyList<ClockDifference> told)
    {
        DateTimeOffset now = clock.GetUtcNow();
        IReadOnlyList<ClockStanding> all = clocks.All;
        ClockStanding[] read = [.. all.Where(static one => one.Reading is not null)];
        foreach (ClockStanding standing in read)
        {
            ClockDifference? before = told.FirstOrDefault(row => row.Instance == instance && row.Subject == standing.Subject);
            if (standing.Grade == ClockGrade.Right)
            {
                if (before is not null)
                {
                    yield return Over(before, $"The clock of {host} differs from {(standing.Subject == ClockStandings.Database ? "the database's" : "RunPod's")} by {ClockWords.Length(standing.Reading!.Ahead)} only");
                }
            }
            else if (before is null || before.Grade != standing.Grade || (before.Ahead - standing.Reading!.Ahead).Duration() > rules().TellAt)
            {
                ClockDifference row = new(instance, standing.Subject, host, standing.Grade, standing.Reading!.Ahead, now);
                yield return new ClockNews(row, OffFact(row, ClockWords.Of(standing, host, all)), IsOver: false);
            }
            else if ((now - before.SeenAt).Duration() >= SayStillEvery)
            {
                yield return new ClockNews(before with { SeenAt = now }, null, IsOver: false);
            }
        }

        foreach (ClockDifference row in told.Where(row => (now - row.SeenAt).Duration() > DeadAfter))
        {
            if (row.Instance != instance || !read.Any(one => one.Subject == row.Subject))
            {
                yield return Over(row, $"The portal on {row.Host} is not heard of any more");
            }
        }
    }

    private static ClockNews Over(ClockDifference row, string how) => new(row, Fact(ClockEvents.Right, how, EventSeverity.Info, row, isOver: true), IsOver: true);

    private static OperationalEvent OffFact(ClockDifference row, string text) =>
        Fact(ClockEvents.Off, text, row.Grade == ClockGrade.FarOff ? EventSeverity.Error : EventSeverity.Warning, row, isOver: false);

    private static OperationalEvent Fact(string kind, string text, EventSeverity severity, ClockDifference row, bool isOver) => new()
    {
        Kind = kind,
        Message = text,
        Severity = severity,
        Actor = Self,
        Reason = row.Subject,
        Signals = [new IncidentSignal(ClockIncidents.Off, $"{row.Subject}/{row.Instance}", text, isOver)],
    };

    /// <param name="Fact">Null: people know it already.</param>
    private sealed record ClockNews(ClockDifference Row, OperationalEvent? Fact, bool IsOver);
}
