using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Hosted;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Tells whether any provider takes trainings, by what both of their breakers and the month's budget say now and not by what some job met: an incident begins though
/// no job waits, and ends though none comes. Each instance tells for itself; at its start it ends what a portal before it had told and is true no more. As long as
/// neither takes any it is told again, because another instance may be configured otherwise and have ended the incident.
/// </summary>
public sealed class ProvidersWatch(IUnitOfWork work, BreakerGate runPod, HostedFallback fallback, TimeProvider clock)
{
    public const string Name = "training.providers_watch";

    public static readonly TimeSpan Every = TimeSpan.FromSeconds(15);

    private static readonly Actor Self = Actor.Portal(Name);

    /// <summary>Another instance that is configured otherwise, or a person, may have closed what this one still sees.</summary>
    private static readonly TimeSpan DownAgain = TimeSpan.FromMinutes(10);

    private bool? told;
    private DateTimeOffset toldAt;

    /// <exception cref="StoreUnavailableException">The database is away; what there is to tell is told next time.</exception>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        // Without a fallback RunPod's own incidents say all there is to say.
        HostedDown? hosted = fallback.IsConfigured ? await fallback.WhyDownAsync(cancellationToken) : null;
        string? pods = hosted is null ? null : await runPod.WhyDownAsync(cancellationToken);
        bool areDown = pods is not null;
        if (areDown == told && !(areDown && clock.GetUtcNow() - toldAt >= DownAgain))
        {
            return;
        }

        string words = areDown ? $"{(hosted!.IsOfMoney ? "" : "Both providers are down. ")}{pods!.TrimEnd('.')}. {hosted.Why}"
            : hosted is null ? "Trainings have a provider: RunPod, or Replicate where it is configured"
            : "Trainings have a provider: RunPod";
        OperationalEvent fact = new()
        {
            Kind = areDown ? TrainingEvents.ProvidersDown : TrainingEvents.ProvidersUp,
            Message = words,
            Severity = areDown ? EventSeverity.Error : EventSeverity.Info,
            Actor = Self,
            Reason = areDown ? "providers_down" : "providers_up",
            Signals = [new IncidentSignal(TrainingIncidents.ProvidersDown, TrainingIncidents.ProvidersSubject, words, Over: !areDown)],
        };
        bool isNews = areDown || told is not null;
        await work.RunAsync((unit, token) => isNews ? unit.Events.AppendAsync(fact, token) : unit.AppendIfItEndsAsync(fact, token), cancellationToken);
        told = areDown;
        toldAt = clock.GetUtcNow();
    }
}
