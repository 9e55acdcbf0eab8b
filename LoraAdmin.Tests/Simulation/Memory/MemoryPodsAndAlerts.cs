using LoraAdmin.Domain.Alerts;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Tests.Simulation.Memory;

internal sealed class MemoryPodClaimStore(MemoryDatabase database) : IPodClaimStore
{
    public Task<IReadOnlyList<PodClaim>> ListAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<PodClaim>>(
        [.. database.Claims.Rows.OrderBy(claim => claim.At).ThenBy(claim => claim.PodId, StringComparer.Ordinal)]);

    public Task<PodClaim?> FindAsync(string podId, CancellationToken cancellationToken) => Task.FromResult(database.Claims.Find(podId));

    public Task SaveAsync(PodClaim claim, CancellationToken cancellationToken)
    {
        database.Claims.Set(claim.PodId, claim);
        return Task.CompletedTask;
    }
}

internal sealed class MemoryAccountLookStore(MemoryDatabase database) : IAccountLookStore
{
    private const string RunPod = "runpod";

    private AccountLook Newest => database.Looks.Find(RunPod) ?? AccountLook.None;

    public Task<long> FindNumberAsync(CancellationToken cancellationToken) => Task.FromResult(Newest.Number);

    public Task<AccountLook> FindAsync(CancellationToken cancellationToken) => Task.FromResult(Newest);

    public Task<bool> TryWriteAsync(AccountLook look, CancellationToken cancellationToken) => TrySetAsync(look);

    public Task<bool> TryNoteFailureAsync(long number, DateTimeOffset at, ProviderError error, CancellationToken cancellationToken) =>
        TrySetAsync(Newest with { Number = number, FailingSince = Newest.FailingSince ?? at, Error = error });

    private Task<bool> TrySetAsync(AccountLook look)
    {
        if (Newest.Number != look.Number - 1)
        {
            return Task.FromResult(false);
        }

        database.Looks.Set(RunPod, look);
        return Task.FromResult(true);
    }
}

internal sealed class MemoryTrainingPauseStore(MemoryDatabase database) : ITrainingPauseStore
{
    public Task<TrainingPause?> FindAsync(CancellationToken cancellationToken) => Task.FromResult(database.Pauses.Find(1));

    public Task SaveAsync(TrainingPause? pause, CancellationToken cancellationToken)
    {
        database.Pauses.Set(1, pause);
        return Task.CompletedTask;
    }
}

/// <summary>Facts in memory are taken in by nobody, or by a test's keeper in the order in which they were written.</summary>
internal sealed class MemoryOpenIncidents(MemoryDatabase database) : IOpenIncidents
{
    private readonly Dictionary<string, HashSet<string>> open = [];
    private int seen;

    public Task<IReadOnlyCollection<string>> ListSubjectsAsync(string rule, CancellationToken cancellationToken)
    {
        if (seen > database.Events.Count)
        {
            open.Clear();
            seen = 0;
        }

        // The simulated year asks thousands of times: each fact is looked at once.
        for (; seen < database.Events.Count; seen++)
        {
            foreach (IncidentSignal signal in database.Events[seen].Signals ?? [])
            {
                if (!open.TryGetValue(signal.Rule, out HashSet<string>? subjects))
                {
                    open[signal.Rule] = subjects = [];
                }

                _ = signal switch
                {
                    { Over: false } => subjects.Add(signal.Subject) ? 1 : 0,
                    { Except: null } => subjects.Remove(signal.Subject) ? 1 : 0,
                    _ => subjects.RemoveWhere(signal.Ends),
                };
            }
        }

        string[] kept = [.. database.OpenIncidents.Rows.Where(incident => incident.Rule == rule).Select(static incident => incident.Subject)];
        return Task.FromResult<IReadOnlyCollection<string>>(kept.Length == 0
            ? [.. open.GetValueOrDefault(rule) ?? []]
            : kept.After(rule, database.Events.SelectMany(static fact => fact.Signals)));
    }

    /// <summary>What was taken back and looked at is to be looked at anew.</summary>
    public void Forget(int facts) => seen = seen > facts ? int.MaxValue : seen;
}

internal sealed class MemoryIncidentStore(MemoryDatabase database) : IIncidentStore
{
    public Task<bool> TryTakeInAsync(Guid eventId, CancellationToken cancellationToken)
    {
        if (database.IncidentFacts.Find(eventId) is not null)
        {
            return Task.FromResult(false);
        }

        database.IncidentFacts.Set(eventId, new TakenFact(eventId));
        return Task.FromResult(true);
    }

    public Task RaiseAsync(
        IncidentSignal signal, EventSeverity severity, JobId? job, Guid newId, DateTimeOffset at, CancellationToken cancellationToken)
    {
        if (database.IncidentEnds.Find((signal.Rule, signal.Subject)) is { } end && end.At > at)
        {
            return Task.CompletedTask;
        }

        Incident raised = Open(signal) is { } open
            ? open with
            {
                Severity = severity > open.Severity ? severity : open.Severity,
                Text = at >= open.LastSeenAt ? signal.Text : open.Text,
                Since = at < open.Since ? at : open.Since,
                LastSeenAt = at > open.LastSeenAt ? at : open.LastSeenAt,
                Count = open.Count + 1,
                Job = open.Job ?? job,
            }
            : new Incident(newId, signal.Rule, signal.Subject, severity, signal.Text, at, at, 1, job, null, null);
        database.Incidents.Set(raised.Id, raised);
        return Task.CompletedTask;
    }

    public async Task ResolveAsync(IncidentSignal signal, DateTimeOffset at, CancellationToken cancellationToken)
    {
        if (signal.Except is { } except)
        {
            foreach (Incident over in database.OpenIncidents.Rows
                .Where(incident => incident.Rule == signal.Rule && !except.Contains(incident.Subject)).ToList())
            {
                await ResolveAsync(signal with { Subject = over.Subject, Except = null }, at, cancellationToken);
            }

            return;
        }

        if (Open(signal) is { } open && open.LastSeenAt <= at)
        {
            database.Incidents.Set(open.Id, open with { ResolvedAt = at, ResolvedHow = signal.Text });
        }

        if (database.IncidentEnds.Find((signal.Rule, signal.Subject)) is not { } end || end.At < at)
        {
            database.IncidentEnds.Set((signal.Rule, signal.Subject), new IncidentEnd(at));
        }
    }

    public Task<IReadOnlyList<Incident>> ListOpenAsync(int max, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<Incident>>(
    [
        .. database.OpenIncidents.Rows
            .OrderByDescending(incident => incident.Severity).ThenBy(incident => incident.Since).ThenBy(incident => incident.Id)
            .Take(max),
    ]);

    public Task<IReadOnlyList<OpenCount>> CountOpenAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<OpenCount>>(
    [
        .. database.OpenIncidents.Rows
            .GroupBy(incident => incident.Rule)
            .Select(group => new OpenCount(group.Key, group.Count(), group.Min(incident => incident.Since))),
    ]);

    private Incident? Open(IncidentSignal signal) => database.OpenIncidents.Rows.SingleOrDefault(
        incident => incident.Rule == signal.Rule && incident.Subject == signal.Subject);
}
