using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Live;

namespace LoraAdmin.Shell;

/// <summary>One thing that the portal has given up, or that waits for a person.</summary>
/// <param name="Id">What its source knows it by.</param>
/// <param name="What">Name of it.</param>
/// <param name="Why">What happened, in one or two sentences.</param>
/// <param name="Since">When it gave up; null: not known.</param>
/// <param name="Cost">What it has cost so far; null: nothing, or not known.</param>
/// <param name="Href">The page that has all about it.</param>
/// <param name="Permission">What a person needs to have it tried again.</param>
/// <param name="WhyNot">Why it can't be tried again from here, and what helps; null: it can.</param>
public sealed record GaveUpLine(string Id, string What, string Why, DateTimeOffset? Since, Usd? Cost, string Href, string Permission, string? WhyNot)
{
    public JobId? Job { get; init; }

    /// <summary>What whoever tries it again should know before, in whole sentences; null: nothing.</summary>
    public string? Heed { get; init; }

    /// <summary>Name in the pod ledger.</summary>
    public string? Pod { get; init; }
}

/// <summary>
/// A kind of things that give up. A feature that has one registers it; the page shows them all, and no feature knows another's.
/// </summary>
public interface IGaveUpSource
{
    /// <summary>Stable word, unique among the sources.</summary>
    string Kind { get; }

    /// <summary>What a person needs to be shown these things: the same as on their own page.</summary>
    string ReadPermission { get; }

    /// <summary>Heading: what these things are.</summary>
    string Title { get; }

    /// <summary>What trying one of them again does and costs, in one sentence.</summary>
    string Means { get; }

    /// <summary>Oldest first, at most <see cref="GaveUpReading.MostLines"/>.</summary>
    /// <exception cref="StoreUnavailableException">The database is away: never an empty list.</exception>
    Task<IReadOnlyList<GaveUpLine>> ReadAsync(CancellationToken cancellationToken);

    /// <summary>Tries it again. The caller has checked the person's permission, and kept the reason.</summary>
    /// <exception cref="StoreUnavailableException">Nothing was changed.</exception>
    Task<ActionResult> RetryAsync(string id, string reason, Actor actor, CancellationToken cancellationToken);
}

/// <param name="ReadPermission">What a person needs to be shown it.</param>
/// <param name="Failure">Why it could not be read; null: it was.</param>
public sealed record GaveUpGroup(string Kind, string Title, string Means, string ReadPermission, IReadOnlyList<GaveUpLine> Lines, string? Failure);

/// <summary>All that gave up, whoever looks: a page shows of it what its person may read.</summary>
/// <param name="Groups">In the order in which the features were registered.</param>
public sealed record GaveUpBoard(IReadOnlyList<GaveUpGroup> Groups)
{
    public int Count => Groups.Sum(group => group.Lines.Count);

    /// <summary>What a person with the permissions is shown.</summary>
    public GaveUpBoard For(IReadOnlySet<string> permissions) => new([.. Groups.Where(group => permissions.Contains(group.ReadPermission))]);
}

/// <summary>What a person wants tried again.</summary>
public sealed record GaveUpChoice(GaveUpGroup Group, GaveUpLine Line);

/// <summary>Kinds of facts of the page.</summary>
public static class GaveUpEvents
{
    public const string RetryAsked = "portal.retry_asked";
}

/// <summary>Reads what gave up, and has it tried again.</summary>
public sealed class GaveUpReading(IEnumerable<IGaveUpSource> sources, IUnitOfWork work)
{
    /// <summary>Of one kind. More of them have one cause, which the first show.</summary>
    public const int MostLines = 200;

    public static readonly LiveSource<GaveUpBoard> Board = new(
        "shell.gave_up", LiveTopics.Training, TimeSpan.FromSeconds(5), (services, token) => services.GetRequiredService<GaveUpReading>().ReadAsync(token));

    /// <summary>One kind that can't be read keeps no other from being shown.</summary>
    public async Task<GaveUpBoard> ReadAsync(CancellationToken cancellationToken)
    {
        List<GaveUpGroup> groups = [];
        foreach (IGaveUpSource source in sources)
        {
            try
            {
                groups.Add(new GaveUpGroup(source.Kind, source.Title, source.Means, source.ReadPermission, await source.ReadAsync(cancellationToken), null));
            }
            catch (StoreUnavailableException away)
            {
                groups.Add(new GaveUpGroup(source.Kind, source.Title, source.Means, source.ReadPermission, [], away.Message));
            }
        }

        return new GaveUpBoard(groups);
    }

    /// <summary>Keeps who asked and why, and then has it tried.</summary>
    /// <exception cref="StoreUnavailableException">Nothing was changed, unless that it was asked for.</exception>
    public async Task<ActionResult> RetryAsync(string kind, GaveUpLine line, string reason, Actor actor, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(line);
        IGaveUpSource source = sources.Single(one => one.Kind == kind);
        if (line.WhyNot is { } whyNot)
        {
            return new ActionResult(false, whyNot);
        }

        OperationalEvent asked = new()
        {
            Kind = GaveUpEvents.RetryAsked,
            Message = $"{line.What} was asked to be tried again: {reason}",
            Actor = actor,
            Job = line.Job,
            Pod = line.Pod,
        };
        await work.RunAsync((unit, token) => unit.Events.AppendAsync(asked, token), cancellationToken);
        return await source.RetryAsync(line.Id, reason, actor, cancellationToken);
    }
}
