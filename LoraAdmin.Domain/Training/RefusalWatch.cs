using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training.Steps;

namespace LoraAdmin.Domain.Training;

/// <summary>
/// Ends what jobs told of a RunPod that refuses to create pods, once no job waits for a provider: the ones that met it were trained elsewhere, have failed or were
/// cancelled. What says "jobs wait" must not outlive them. The next job that is refused tells it anew. Each instance looks; whoever comes first tells.
/// </summary>
public sealed class RefusalWatch(IUnitOfWork work)
{
    private const string Over = "No job waits for RunPod any more. Whether it creates pods again shows with the next job";

    private static readonly Actor Self = Actor.Portal("training.refusal_watch");

    /// <exception cref="StoreUnavailableException">The database is away; what there is to tell is told next time.</exception>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        if (!await work.ReadAsync(IsOverAsync, cancellationToken))
        {
            return;
        }

        // Looked at again: a job may have been refused meanwhile.
        await work.RunAsync(
            async (unit, token) =>
            {
                if (await IsOverAsync(unit, token))
                {
                    await unit.Events.AppendAsync(
                        new OperationalEvent
                        {
                            Kind = TrainingEvents.NoneWaits,
                            Message = Over,
                            Severity = EventSeverity.Info,
                            Actor = Self,
                            Reason = "none_waits",
                            Signals = [new IncidentSignal(TrainingIncidents.CreateRefused, ProvisioningStep.Provider, Over, Over: true)],
                        },
                        token);
                }
            },
            cancellationToken);
    }

    private static async Task<bool> IsOverAsync(IUnit unit, CancellationToken cancellationToken)
    {
        IReadOnlyCollection<string> open = await unit.Store<IOpenIncidents>().ListSubjectsAsync(TrainingIncidents.CreateRefused, cancellationToken);
        return open.Contains(ProvisioningStep.Provider) && !await unit.Store<ITrainingStore>().AnyWaitsForProviderAsync(cancellationToken);
    }
}
