using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.LocalCloud;

namespace LoraAdmin.Tests.Simulation;

/// <summary>One portal that nothing happens to but what the test does to it: for conditions that a random run meets too seldom.</summary>
internal sealed class QuietDay
{
    private readonly PortalSlot slot;
    private readonly People people;

    public QuietDay(Func<TrainingRules, TrainingRules>? change = null)
    {
        World = new SimulatedWorld(1);
        World.Training = (change ?? (rules => rules))(World.Training);
        slot = new PortalSlot(1, World, new SimulationPlan(TimeSpan.Zero, 0, 0), new Random(1));
        people = new People(World, new Random(1));
    }

    public SimulatedWorld World { get; }

    public FaultTable Faults => World.Cloud.World.Faults;

    public IReadOnlyList<LedgerPod> Pods => [.. World.Database.Pods.Rows];

    private static CancellationToken None => CancellationToken.None;

    public TrainingJob Job(JobId id) => World.Database.Jobs.Find(id)!;

    public async Task<JobId> SubmitAsync(int number = 0)
    {
        SubmitOutcome outcome = new SubmitOutcome.KeyReused();
        await slot.TurnAsync(None);
        await slot.RunAsync(async portal =>
            outcome = await portal.Desk.SubmitAsync(people.Request(number), null, new Actor(ActorKind.Token, "gateway"), None));
        return outcome is SubmitOutcome.Accepted accepted ? accepted.Job : throw new InvalidOperationException($"Not accepted: {outcome}");
    }

    /// <summary>Somebody approves what the sweep's caps have held back for long enough.</summary>
    public Task ApproveAsync() => slot.RunAsync(portal => people.ApproveSweepAsync(portal, static _ => { }, None));

    public int Approvals => people.Approvals;

    public Task CancelAsync(JobId id, ActorKind by) => slot.RunAsync(async portal =>
    {
        CancelOutcome outcome = await portal.Desk.CancelAsync(id, "not needed", new Actor(by, "somebody"), None);
        if (outcome is not CancelOutcome.Noted)
        {
            throw new InvalidOperationException($"Not noted: {outcome}");
        }
    });

    /// <summary>Goes from one due instant to the next until the condition holds.</summary>
    public async Task UntilAsync(Func<bool> holds, TimeSpan within)
    {
        DateTimeOffset end = World.Clock.GetUtcNow() + within;
        while (!holds())
        {
            DateTimeOffset? due = await World.Database.ReadAsync((unit, token) => unit.Store<ITrainingStore>().NextDueAsync(slot.Disk, World.Clock.GetUtcNow(), token), None);
            DateTimeOffset? watch = slot.NextAt(podsToWatch: true);
            DateTimeOffset next = (due < watch ? due : watch) ?? end;
            if (next > end)
            {
                string jobs = string.Join("; ", World.Database.Jobs.Rows.Select(job => $"{job.State} {job.WaitReason}{job.Failure}"));
                throw new TimeoutException($"It did not happen by {end:u}: {jobs}");
            }

            if (next > World.Clock.GetUtcNow())
            {
                World.Clock.SetUtcNow(next);
            }

            await slot.TurnAsync(None);
        }
    }
}
