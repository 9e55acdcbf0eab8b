using LoraAdmin.Domain.Breaker;
using LoraAdmin.Platform.Live;
using LoraAdmin.Platform.Redis;
using LoraAdmin.Shell;

namespace LoraAdmin.Breaker;

/// <summary>A provider's breaker as its page shows it.</summary>
/// <param name="View">Says whether Redis is away.</param>
/// <param name="IsEmbedded">No Redis is configured: it is this portal's alone.</param>
/// <param name="QueueWait">How long a job waits for it.</param>
public sealed record BreakerBoard(BreakerSubject Subject, CircuitReply Reply, BreakerView View, BreakerRules Rules, bool IsEmbedded, TimeSpan QueueWait)
{
    public Circuit Circuit => Reply.Circuit;

    /// <summary>The provider that takes the jobs while this breaker holds its own back; null: nobody does, and they wait.</summary>
    public string? Taker { get; init; }

    /// <summary>Nobody can say now whether there is a <see cref="Taker"/>.</summary>
    public bool IsTakerUnknown { get; init; }

    /// <summary>Why the provider refuses what jobs ask for, although its breaker lets them ask; null: it does not, or it is not known.</summary>
    public string? Refusal { get; init; }
}

/// <summary>How long a job waits in the queue while the breaker holds it, before it fails (option <c>Training:QueueWait</c>).</summary>
public sealed record JobPatience(TimeSpan QueueWait);

/// <summary>The way round RunPod as it is now.</summary>
/// <param name="Taker">Name of the provider that takes jobs instead; null: none does.</param>
/// <param name="Refusal">Why that provider refuses them, whatever its breaker says; null: it does not.</param>
public sealed record DetourView(string? Taker, string? Refusal);

/// <param name="LookAsync">Null: nobody can say now, because the database is away. Throws nothing but what the breaker's store throws.</param>
public sealed record Detour(Func<CancellationToken, Task<DetourView?>> LookAsync);

/// <summary>Whose creations jobs ask for here: a closed breaker that guards nobody's is not shown.</summary>
public sealed record GuardedProviders(IReadOnlyList<BreakerSubject> All);

public interface IBreakerQueries
{
    Task<BreakerBoard> ReadAsync(BreakerSubject subject, CancellationToken cancellationToken);
}

internal sealed class BreakerQueries(Func<BreakerSubject, IBreaker> breakerOf, RedisConnection redis, Func<BreakerRules> rules, JobPatience patience, Detour detour) : IBreakerQueries
{
    /// <summary>Entries of the history that the page shows.</summary>
    private const int Shown = 50;

    public async Task<BreakerBoard> ReadAsync(BreakerSubject subject, CancellationToken cancellationToken)
    {
        IBreaker breaker = breakerOf(subject);
        CircuitReply reply = await breaker.CallAsync(new CircuitCall.Read(Shown), cancellationToken);
        DetourView? way = await detour.LookAsync(cancellationToken);
        bool isRunPods = subject == BreakerSubject.RunPod;
        return new BreakerBoard(subject, reply, breaker.View, rules(), redis.IsEmbedded, patience.QueueWait)
        {
            Taker = isRunPods ? way?.Taker : null,
            IsTakerUnknown = isRunPods && way is null,
            Refusal = isRunPods ? null : way?.Refusal,
        };
    }
}

/// <summary>The page /breaker, its tile on the overview, and the banner above every page while Redis is away.</summary>
public static class BreakerPages
{
    /// <summary>RunPod's.</summary>
    public static readonly LiveSource<BreakerBoard> Board = SourceOf(BreakerSubject.RunPod);

    public static LiveSource<BreakerBoard> BoardOf(BreakerSubject subject) => subject == BreakerSubject.RunPod ? Board : SourceOf(subject);

    private static LiveSource<BreakerBoard> SourceOf(BreakerSubject subject) => new(
        $"breaker.board.{subject.Provider}",
        LiveTopics.Training,
        TimeSpan.FromSeconds(2),
        (services, token) => services.GetRequiredService<IBreakerQueries>().ReadAsync(subject, token));

    public static IServiceCollection AddBreakerPages(this IServiceCollection services)
    {
        services.AddSingleton<IBreakerQueries>(provider => new BreakerQueries(
            subject => BreakerFeature.SharedOf(provider, subject),
            provider.GetRequiredService<RedisConnection>(),
            provider.GetRequiredService<BreakerRules>,
            provider.GetRequiredService<JobPatience>(),
            provider.GetRequiredService<Detour>()));
        services.AddSingleton(new Slot(SlotPlaces.Banner, typeof(BreakerBanner)));
        services.AddSingleton(new Slot(SlotPlaces.OverviewTiles, typeof(BreakerTile)));
        return services;
    }
}
