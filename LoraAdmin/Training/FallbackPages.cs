using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Domain.Training.Hosted;
using LoraAdmin.Platform.Live;
using LoraAdmin.Shell;

namespace LoraAdmin.Training;

/// <summary>What the last weeks' completed attempts at one provider came to.</summary>
/// <param name="Settled">Those of them whose cost is final.</param>
/// <param name="Cost">Of the settled ones, together.</param>
public sealed record ProviderShare(string Provider, int Completed, int Settled, Usd Cost)
{
    public Usd? Average => Settled == 0 ? null : new Usd(Cost.Micros / Settled);
}

/// <summary>The way round RunPod, as the breaker's page shows it.</summary>
/// <param name="WhyNotConfigured">Null: there is a fallback.</param>
/// <param name="WhyDown">Why it takes no job now; null: it does.</param>
/// <param name="IsRunPodHeld">RunPod takes no job now.</param>
/// <param name="HourlyPrice">What an hour of its hardware costs.</param>
public sealed record FallbackBoard(string? WhyNotConfigured, string? WhyDown, bool IsRunPodHeld, Usd HourlyPrice, ProviderShare RunPod, ProviderShare Hosted)
{
    public const int Days = 30;

    /// <summary>Why it takes none is that the month has no room for what one reserves there.</summary>
    public bool IsOfMoney { get; init; }

    /// <summary>What a job reserves there (<see cref="HostedRules.EstimateFor"/>).</summary>
    public Usd Reserves { get; init; }

    /// <summary>Completed elsewhere, of all that completed; null when nothing did.</summary>
    public double? DivertedShare => RunPod.Completed + Hosted.Completed is > 0 and int all ? (double)Hosted.Completed / all : null;

    /// <summary>How much more a training costs there on average; null while one of both has none.</summary>
    public Usd? PriceDifference => Hosted.Average is { } hosted && RunPod.Average is { } pods ? hosted - pods : null;

    public bool AreBothDown => WhyNotConfigured is null && WhyDown is not null && IsRunPodHeld;
}

public interface IFallbackQueries
{
    Task<FallbackBoard> ReadAsync(CancellationToken cancellationToken);
}

/// <summary>The fallback provider on the page /breaker, and on the overview that there is none.</summary>
public static class FallbackPages
{
    public static readonly LiveSource<FallbackBoard> Board = new(
        "training.fallback",
        LiveTopics.Training,
        TimeSpan.FromSeconds(5),
        (services, token) => services.GetRequiredService<IFallbackQueries>().ReadAsync(token));

    public static IServiceCollection AddFallbackPages(this IServiceCollection services)
    {
        services.AddSingleton<IFallbackQueries>(provider => new FallbackQueryStore(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<BreakerGate>(),
            provider.GetRequiredService<HostedFallback>(),
            provider.GetRequiredService<HostedRoom>(),
            provider.GetRequiredService<HostedRules>,
            provider.GetRequiredService<TimeProvider>()));
        services.AddSingleton(new Slot(SlotPlaces.BreakerNotice, typeof(FallbackPanel)));
        services.AddSingleton(new Slot(SlotPlaces.OverviewHead, typeof(FallbackLine)));
        return services;
    }
}
