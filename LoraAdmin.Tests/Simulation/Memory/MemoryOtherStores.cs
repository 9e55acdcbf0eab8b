using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Clocks;
using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Tests.Simulation.Memory;

internal sealed class MemoryPodLedger(MemoryDatabase database) : IPodLedger
{
    public Task AddAsync(LedgerPod pod, CancellationToken cancellationToken)
    {
        if (database.Pods.Find(pod.Name) is not null)
        {
            throw new InvalidOperationException($"The ledger has a pod {pod.Name} already.");
        }

        database.Pods.Set(pod.Name, pod);
        return Task.CompletedTask;
    }

    public Task<bool> SaveAsync(LedgerPod pod, CancellationToken cancellationToken)
    {
        if (database.Pods.Find(pod.Name) is not { } present || present.Version != pod.Version)
        {
            return Task.FromResult(false);
        }

        // The databases keep whole milliseconds.
        DateTimeOffset? seen = pod.LastSeenAt is { } at ? DateTimeOffset.FromUnixTimeMilliseconds(at.ToUnixTimeMilliseconds()) : null;
        LedgerPod next = pod with { LastSeenAt = seen, HeardAt = present.HeardAt, BillHold = present.BillHold, BillHoldAt = present.BillHoldAt };
        database.Pods.Set(pod.Name, next with { Version = pod.Version + 1 });
        return Task.FromResult(true);
    }

    public Task NoteSeenAsync(IReadOnlyList<string> names, DateTimeOffset at, CancellationToken cancellationToken)
    {
        foreach (LedgerPod pod in names.Select(database.Pods.Find).OfType<LedgerPod>())
        {
            database.Pods.Set(pod.Name, pod with { LastSeenAt = DateTimeOffset.FromUnixTimeMilliseconds(at.ToUnixTimeMilliseconds()) });
        }

        return Task.CompletedTask;
    }

    public Task NoteHeardAsync(string podId, DateTimeOffset at, CancellationToken cancellationToken)
    {
        foreach (LedgerPod pod in database.PodsById[podId].Where(pod => pod.Saw != PodSaw.Gone).ToList())
        {
            database.Pods.Set(pod.Name, pod with { HeardAt = at });
        }

        return Task.CompletedTask;
    }

    public Task NoteBillHoldAsync(string podId, string? why, DateTimeOffset readAt, CancellationToken cancellationToken)
    {
        foreach (LedgerPod pod in database.PodsById[podId].Where(pod => pod.BillHold != why && !(pod.BillHoldAt > readAt)).ToList())
        {
            database.Pods.Set(pod.Name, pod with { BillHold = why, BillHoldAt = readAt });
        }

        return Task.CompletedTask;
    }

    public Task<LedgerPod?> FindAsync(string name, CancellationToken cancellationToken) => Task.FromResult(database.Pods.Find(name));

    public Task<LedgerPod?> FindByPodIdAsync(string podId, CancellationToken cancellationToken) => Task.FromResult(
        database.PodsById[podId].OrderBy(pod => pod.RequestedAt).ThenBy(pod => pod.Name, StringComparer.Ordinal).LastOrDefault());

    public Task<SweepTally> TallySweepAsync(DateTimeOffset since, CancellationToken cancellationToken)
    {
        List<LedgerPod> swept = [.. database.SweptPods.Rows.Where(pod => pod.WantSince >= since)];
        return Task.FromResult(new SweepTally(swept.Count, swept.Aggregate(Usd.Zero, (sum, pod) => sum + (pod.HourlyRate ?? Usd.Zero))));
    }

    public Task<IReadOnlyList<LedgerPod>> ListForAttemptAsync(JobId job, int attempt, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<LedgerPod>>([.. database.PodsOf[job].Where(pod => pod.Attempt == attempt).OrderBy(pod => pod.Try)]);

    public async Task<IReadOnlyList<LedgerPod>> ListGoneOfAttemptAsync(JobId job, int attempt, CancellationToken cancellationToken) =>
        [.. (await ListForAttemptAsync(job, attempt, cancellationToken)).Where(pod => pod.Saw == PodSaw.Gone)];

    public Task<IReadOnlySet<string>> ListAlivePodIdsAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlySet<string>>(database.OpenPods.Rows.Select(pod => pod.PodId).OfType<string>().ToHashSet(StringComparer.Ordinal));

    public Task<IReadOnlyList<LedgerPod>> ListByPodIdsAsync(IReadOnlyCollection<string> podIds, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<LedgerPod>>(
            [.. podIds.Distinct().SelectMany(id => database.PodsById[id]).OrderBy(pod => pod.RequestedAt).ThenBy(pod => pod.Name, StringComparer.Ordinal)]);

    public Task<IReadOnlyList<LedgerPod>> ListGoneAsync(DateTimeOffset from, DateTimeOffset until, int max, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<LedgerPod>>(
            [.. database.GonePods.Between(from, until).Take(max).Select(name => database.Pods.Find(name)!)]);

    public Task<int> CountPlacesAsync(CancellationToken cancellationToken) => Task.FromResult(
        database.OpenPods.Rows.Where(pod => pod.Want == PodWant.Needed).Select(pod => pod.Job).Distinct().Count());

    public Task<IReadOnlyList<LedgerPod>> ListApartAsync(DateTimeOffset goneSince, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<LedgerPod>>(
            [.. database.ApartPods.Rows.Where(pod => !(pod.GoneAt < goneSince)).OrderBy(pod => pod.RequestedAt).ThenBy(pod => pod.Name, StringComparer.Ordinal)]);

    public Task<bool> AnyToEndAsync(DateTimeOffset now, CancellationToken cancellationToken) => Task.FromResult(database.OpenPods.Rows.Any(
        pod => pod.PodId is not null && !(pod.NextActionAt > now)
            && (pod is { Want: PodWant.Released, TerminateAttempts: 0 } || (pod is { Want: PodWant.Held, Saw: PodSaw.Running } && !(pod.FetchUntil > now)))));

    public Task<IReadOnlyList<LedgerPod>> ListAliveAsync(CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<LedgerPod>>(
            [.. database.OpenPods.Rows.OrderBy(pod => pod.RequestedAt).ThenBy(pod => pod.Name, StringComparer.Ordinal)]);

    public async Task<IReadOnlyList<LedgerPod>> ListHeldAsync(CancellationToken cancellationToken) =>
        [.. (await ListAliveAsync(cancellationToken)).Where(static pod => pod is { Want: PodWant.Held, PodId: not null })];

    public async Task<IReadOnlyList<LedgerPod>> ListInDoubtAsync(CancellationToken cancellationToken) =>
    [
        .. (await ListAliveAsync(cancellationToken)).GroupBy(static pod => (pod.Job, pod.Attempt))
            .Where(static tries => tries.All(static pod => pod is { Want: PodWant.Released, PodId: null }))
            .SelectMany(static tries => tries)
            .OrderBy(static pod => pod.RequestedAt).ThenBy(static pod => pod.Name, StringComparer.Ordinal),
    ];
}

internal sealed class MemoryLimitsStore(MemoryDatabase database) : ILimitsStore
{
    public Task<ChargeResult> TryChargeAsync(UserId user, JobId job, int admission, DateTimeOffset now, LimitRules rules, CancellationToken cancellationToken)
    {
        Month period = Month.Of(now);
        UserCount row = database.Users.Find(user) ?? new UserCount(0, null, null);

        // A clock that was set back does not open the month before again.
        bool isCurrent = row.Period?.Start >= period.Start;
        int used = isCurrent ? row.Count : 0;
        int limit = row.Limit ?? rules.LorasPerUserPerMonth;
        if (database.Charges.Find((job, admission)) is not null)
        {
            return Task.FromResult(new ChargeResult(ChargeVerdict.Charged, used, limit));
        }

        period = isCurrent ? row.Period!.Value : period;
        int attempts = database.ChargesOf[(user, period)].Count;
        if (attempts >= rules.AttemptsPerUserPerMonth)
        {
            return Task.FromResult(new ChargeResult(ChargeVerdict.AttemptsReached, attempts, rules.AttemptsPerUserPerMonth));
        }

        if (used >= limit)
        {
            return Task.FromResult(new ChargeResult(ChargeVerdict.LimitReached, used, limit));
        }

        database.Users.Set(user, row with { Count = used + 1, Period = period });
        database.Charges.Set((job, admission), new ChargeRow(user, period, Refunded: false));
        return Task.FromResult(new ChargeResult(ChargeVerdict.Charged, used + 1, limit));
    }

    public Task<bool> RefundAsync(JobId job, string reason, DateTimeOffset now, CancellationToken cancellationToken)
    {
        int newest = 0;
        while (database.Charges.Find((job, newest + 1)) is not null)
        {
            newest++;
        }

        if (database.Charges.Find((job, newest)) is not { Refunded: false } charge)
        {
            return Task.FromResult(false);
        }

        database.Charges.Set((job, newest), charge with { Refunded = true });
        if (database.Users.Find(charge.User) is { } row && row.Period == charge.Period)
        {
            database.Users.Set(charge.User, row with { Count = row.Count - 1 });
        }

        return Task.FromResult(true);
    }

    public Task<IdleUsers> CountIdleAsync(Month month, CancellationToken cancellationToken)
    {
        UserCount[] idle = [.. Idle(month).Select(one => one.Value)];
        return Task.FromResult(new IdleUsers(idle.Length, idle.Count(row => row.Period is null), idle.Sum(row => (long)row.Count)));
    }

    public Task<Miscount?> FindMiscountAsync(Month month, CancellationToken cancellationToken)
    {
        bool counts = database.Charges.Rows.Any(charge => charge.Period.Start < month.Start);
        return Task.FromResult(database.Users.All
            .Where(one => one.Value.Period == month)
            .Select(one => new Miscount(one.Key, one.Value.Count, database.ChargesOf[(one.Key, month)].Count(charge => !charge.Refunded)))
            .FirstOrDefault(one => one.Counted < one.Charged || (counts && one.Counted > one.Charged)));
    }

    public Task<IReadOnlyList<IdleUser>> SampleIdleAsync(Month month, int most, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<IdleUser>>(
        [.. Idle(month).Take(most).Select(one => new IdleUser(one.Key, one.Value.Count, one.Value.Period is { } period ? $"{period.Start:yyyy-MM-dd}" : null))]);

    public Task<long> ResetAsync(Month month, DateTimeOffset today, CancellationToken cancellationToken)
    {
        List<KeyValuePair<UserId, UserCount>> idle = [.. Idle(month)];
        foreach ((UserId user, UserCount row) in idle)
        {
            database.Users.Set(user, row with { Count = 0, Period = Month.Of(today) });
        }

        return Task.FromResult((long)idle.Count);
    }

    private IEnumerable<KeyValuePair<UserId, UserCount>> Idle(Month month) => database.Users.All.Where(one => !(one.Value.Period?.Start >= month.Start));
}

internal sealed class MemoryLoraStore(MemoryDatabase database) : ILoraStore
{
    public Task AddAsync(Lora lora, CancellationToken cancellationToken)
    {
        database.Loras.Set(lora.Id, lora);
        return Task.CompletedTask;
    }

    public Task<Lora?> FindAsync(LoraId id, CancellationToken cancellationToken) => Task.FromResult(database.Loras.Find(id));

    public Task SaveAsync(Lora lora, CancellationToken cancellationToken)
    {
        Lora stored = database.Loras.Find(lora.Id)!;
        database.Loras.Set(lora.Id, lora with { UserId = stored.UserId, CreatedAt = stored.CreatedAt });
        return Task.CompletedTask;
    }

    public Task SaveValidationImagesAsync(LoraId lora, IReadOnlyList<ValidationImage> images, CancellationToken cancellationToken)
    {
        Dictionary<(int, int), ValidationImage> byKey = (database.ValidationImages.Find(lora)?.Items ?? []).ToDictionary(image => (image.Attempt, image.Index));
        foreach (ValidationImage image in images)
        {
            byKey[(image.Attempt, image.Index)] = image;
        }

        List<ValidationImage> all = [.. byKey.Values.OrderBy(image => image.Attempt).ThenBy(image => image.Index)];
        database.ValidationImages.Set(lora, new(all));
        if (database.Loras.Find(lora) is { } row)
        {
            database.Loras.Set(lora, row with { ValidationImageKeys = [.. all.OfStoredAttempt().Where(image => !image.IsPending).Select(image => image.Key)] });
        }

        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<ValidationImage>> ListValidationImagesAsync(LoraId lora, CancellationToken cancellationToken) =>
        Task.FromResult(database.ValidationImages.Find(lora)?.Items ?? []);
}

internal sealed class MemoryLoraFiles(MemoryDatabase database) : ILoraFiles
{
    public Task<IReadOnlySet<LoraId>> FindExistingAsync(IReadOnlyCollection<LoraId> ids, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlySet<LoraId>>(ids.Where(id => database.Loras.Find(id) is not null).ToHashSet());

    public Task<IReadOnlySet<string>> FindPathsAsync(IReadOnlyCollection<string> paths, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlySet<string>>(database.Loras.Rows.Select(lora => lora.StoragePath).OfType<string>().Where(paths.Contains).ToHashSet());

    public Task<IReadOnlySet<string>> ListImageKeysAsync(IReadOnlyCollection<LoraId> ids, CancellationToken cancellationToken) => Task.FromResult<IReadOnlySet<string>>(
        ids.SelectMany(id => (database.ValidationImages.Find(id)?.Items.Select(image => image.Key) ?? []).Concat(database.Loras.Find(id)?.ValidationImageKeys ?? [])).ToHashSet());

    public Task<IReadOnlyList<StoredLora>> ListCompletedAsync(StoredLora? after, int most, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<StoredLora>>(
    [
        .. database.Loras.Rows.Where(lora => lora.Status == LoraStatus.Completed)
            .Select(lora => new StoredLora(lora.Id, lora.UserId, lora.StoragePath ?? ""))
            .OrderBy(lora => lora.Path, StringComparer.Ordinal).ThenBy(lora => lora.Id.ToString(), StringComparer.Ordinal)
            .Where(lora => after is null || IsAfter(lora, after))
            .Take(most),
    ]);

    private static bool IsAfter(StoredLora one, StoredLora other) => string.CompareOrdinal(one.Path, other.Path) switch
    {
        0 => string.CompareOrdinal(one.Id.ToString(), other.Id.ToString()) > 0,
        var order => order > 0,
    };
}

internal sealed class MemorySpoolStore(MemoryDatabase database) : ISpoolStore
{
    public Task SaveAsync(SpoolEntry entry, CancellationToken cancellationToken)
    {
        database.Spool.Set((entry.Spool, entry.Name), entry);
        return Task.CompletedTask;
    }

    public Task<SpoolEntry?> FindAsync(string spool, string name, CancellationToken cancellationToken) => Task.FromResult(database.Spool.Find((spool, name)));

    public Task<IReadOnlyList<SpoolEntry>> ListForJobAsync(JobId job, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<SpoolEntry>>(
    [
        .. database.Spool.Rows.Where(entry => entry.Job == job && entry.Discard is null)
            .OrderByDescending(entry => entry.Attempt).ThenByDescending(entry => entry.VerifiedAt).ThenBy(entry => entry.Spool, StringComparer.Ordinal),
    ]);

    public Task<IReadOnlyList<SpoolEntry>> ListNamedAsync(string name, CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<SpoolEntry>>(
    [
        .. database.Spool.Rows.Where(entry => entry.Name == name && entry.Discard is null)
            .OrderByDescending(entry => entry.VerifiedAt).ThenBy(entry => entry.Spool, StringComparer.Ordinal),
    ]);

    public Task<IReadOnlyList<SpoolEntry>> ListAsync(string spool, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<SpoolEntry>>([.. InOrder().Where(entry => entry.Spool == spool)]);

    public Task<IReadOnlyList<SpoolEntry>> ListAllAsync(int max, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<SpoolEntry>>([.. InOrder().Take(max)]);

    public Task DeleteAsync(string spool, string name, CancellationToken cancellationToken)
    {
        database.Spool.Set((spool, name), null);
        return Task.CompletedTask;
    }

    public Task BeatAsync(SpoolInstance instance, CancellationToken cancellationToken)
    {
        SpoolInstance? known = database.SpoolInstances.Find((instance.Instance, instance.Spool));
        database.SpoolInstances.Set(
            (instance.Instance, instance.Spool), known is null ? instance : known with { Host = instance.Host, LastSeenAt = instance.LastSeenAt });
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<SpoolInstance>> ListInstancesAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<SpoolInstance>>(
        [.. database.SpoolInstances.Rows.OrderBy(one => one.Instance, StringComparer.Ordinal).ThenBy(one => one.Spool, StringComparer.Ordinal)]);

    public Task SetSilenceToldAsync(string spool, bool told, CancellationToken cancellationToken)
    {
        foreach (SpoolInstance one in database.SpoolInstances.Rows.Where(one => one.Spool == spool).ToList())
        {
            database.SpoolInstances.Set((one.Instance, one.Spool), one with { IsSilenceTold = told });
        }

        return Task.CompletedTask;
    }

    public Task SetAwayToldAsync(string instance, string spool, bool told, CancellationToken cancellationToken)
    {
        database.SpoolInstances.Set((instance, spool), database.SpoolInstances.Find((instance, spool))! with { IsAwayTold = told });
        return Task.CompletedTask;
    }

    public Task ForgetInstancesAsync(string spool, DateTimeOffset seenBefore, CancellationToken cancellationToken)
    {
        foreach (SpoolInstance one in database.SpoolInstances.Rows.Where(one => one.Spool == spool && one.LastSeenAt < seenBefore).ToList())
        {
            database.SpoolInstances.Set((one.Instance, one.Spool), null);
        }

        return Task.CompletedTask;
    }

    public Task NoteErrorAsync(string spool, string name, string error, CancellationToken cancellationToken)
    {
        if (database.Spool.Find((spool, name)) is { } row)
        {
            database.Spool.Set((spool, name), row with { LastError = error });
        }

        return Task.CompletedTask;
    }

    private IEnumerable<SpoolEntry> InOrder() => database.Spool.Rows.OrderBy(entry => entry.VerifiedAt).ThenBy(entry => entry.Name, StringComparer.Ordinal);
}

internal sealed class MemoryAccessStore(MemoryDatabase database) : IAccessStore
{
    public Task<ApiToken?> FindTokenAsync(string sha256, CancellationToken cancellationToken) =>
        Task.FromResult(database.Tokens.Rows.FirstOrDefault(token => token.Sha256 == sha256));

    public Task SaveTokenAsync(ApiToken token, CancellationToken cancellationToken)
    {
        database.Tokens.Set(token.Name, token);
        return Task.CompletedTask;
    }

    public Task<bool> RevokeTokenAsync(string name, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (database.Tokens.Find(name) is not { RevokedAt: null } token)
        {
            return Task.FromResult(false);
        }

        database.Tokens.Set(name, token with { RevokedAt = now });
        return Task.FromResult(true);
    }

    public Task AddSignInLinkAsync(string sha256, DateTimeOffset createdAt, DateTimeOffset expiresAt, CancellationToken cancellationToken)
    {
        database.Links.Set(sha256, new LinkRow(expiresAt, Spent: false));
        return Task.CompletedTask;
    }

    public Task<bool> SpendSignInLinkAsync(string sha256, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (database.Links.Find(sha256) is not { Spent: false } link || link.ExpiresAt <= now)
        {
            return Task.FromResult(false);
        }

        database.Links.Set(sha256, link with { Spent = true });
        return Task.FromResult(true);
    }

    public Task AddSessionAsync(SignInSession session, CancellationToken cancellationToken)
    {
        database.Sessions.Set(session.Id, session);
        return Task.CompletedTask;
    }

    public Task<IReadOnlyList<SignInSession>> ListSessionsAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
        Task.FromResult<IReadOnlyList<SignInSession>>([.. ids.Select(database.Sessions.Find).OfType<SignInSession>()]);

    public Task<bool> EndSessionAsync(Guid id, DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (database.Sessions.Find(id) is not { EndedAt: null } session)
        {
            return Task.FromResult(false);
        }

        database.Sessions.Set(id, session with { EndedAt = now });
        return Task.FromResult(true);
    }
}

internal sealed class MemoryLeaseStore(MemoryDatabase database) : ILeaseStore
{
    public Task<bool> TryTakeAsync(string name, string owner, DateTimeOffset now, TimeSpan duration, CancellationToken cancellationToken)
    {
        if (database.LoopLeases.Find(name) is { } held && held.Owner != owner && held.Until > now)
        {
            return Task.FromResult(false);
        }

        database.LoopLeases.Set(name, new LoopLeaseRow(owner, now + duration));
        return Task.FromResult(true);
    }

    public Task GiveBackAsync(string name, string owner, CancellationToken cancellationToken)
    {
        if (database.LoopLeases.Find(name)?.Owner == owner)
        {
            database.LoopLeases.Set(name, null);
        }

        return Task.CompletedTask;
    }
}

internal sealed class MemoryClockDifferenceStore(MemoryDatabase database) : IClockDifferenceStore
{
    public Task<IReadOnlyList<ClockDifference>> ListAsync(CancellationToken cancellationToken) => Task.FromResult<IReadOnlyList<ClockDifference>>(
    [
        .. database.ClockDifferences.Rows.OrderBy(row => row.Instance, StringComparer.Ordinal).ThenBy(row => row.Subject, StringComparer.Ordinal),
    ]);

    public Task SaveAsync(ClockDifference difference, CancellationToken cancellationToken)
    {
        database.ClockDifferences.Set((difference.Instance, difference.Subject), difference);
        return Task.CompletedTask;
    }

    public Task<bool> DeleteAsync(string instance, string subject, CancellationToken cancellationToken)
    {
        bool there = database.ClockDifferences.Find((instance, subject)) is not null;
        database.ClockDifferences.Set((instance, subject), null);
        return Task.FromResult(there);
    }
}
