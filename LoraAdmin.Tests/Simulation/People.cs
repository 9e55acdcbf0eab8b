using System.Text;
using LoraAdmin.Domain.Breaker;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Tests.Simulation;

/// <summary>Everybody who asks something of the portal: the gateway with its requests, and admins with their commands.</summary>
/// <param name="users">How many people ask for LoRAs.</param>
public sealed class People(SimulatedWorld world, Random random, int users = 5)
{
    private static readonly Actor Admin = new(ActorKind.Person, "ada");
    private static readonly Actor Gateway = new(ActorKind.Token, "gateway");

    /// <summary>How long a plan that the caps hold back waits for a person, and how soon one looks again.</summary>
    private static readonly TimeSpan ApprovesAfter = TimeSpan.FromHours(1);
    private static readonly TimeSpan LooksAgainAfter = TimeSpan.FromMinutes(5);

    private DateTimeOffset? approvedAt;

    /// <summary>Plans that the sweep's caps held back and that were approved.</summary>
    public int Approvals { get; private set; }

    public TrainingRequest Request(int number)
    {
        UserId user = new(new Guid(random.Next(1, users + 1), 0, 0, new byte[8]));
        string key = $"{user}/{new Guid(number + 1, 1, 0, new byte[8]):D}/0";
        world.Objects.Set(new ObjectRef(Buckets.TrainingImages, key), Encoding.UTF8.GetBytes($"image of job {number}"), "image/jpeg");
        return new TrainingRequest { UserId = user, Name = $"lora {number}", CreatorEmail = "creator-17@example.org", ImageKeys = [key] };
    }

    /// <summary>Cancels an open job or tries an ended one again.</summary>
    public async Task CommandAsync(SimulatedPortal portal, Action<string> note, CancellationToken cancellationToken)
    {
        Actor by = random.Next(2) == 0 ? Admin : Gateway;
        bool retry = random.Next(2) == 0;
        JobId[] fitting =
        [
            .. (retry ? world.Database.Jobs.Rows.Where(job => job.State is TrainingState.Failed or TrainingState.Cancelled) : world.Database.OpenJobs.Rows)
                .OrderBy(job => job.CreatedAt).ThenBy(job => job.Id.Value).Select(job => job.Id),
        ];
        if (fitting.Length == 0)
        {
            return;
        }

        JobId id = fitting[random.Next(fitting.Length)];
        string outcome = retry
            ? (await portal.Desk.RetryAsync(id, by, cancellationToken)).GetType().Name
            : (await portal.Desk.CancelAsync(id, "not needed", by, cancellationToken)).GetType().Name;
        note($"{by} {(retry ? "retries" : "cancels")} {id}: {outcome}");
    }

    /// <summary>An alert has told that a key was refused; it works again, and a person lets creations go on. What a person holds open is not touched.</summary>
    public async Task ResetBreakerAsync(SimulatedPortal portal, Action<string> note, CancellationToken cancellationToken)
    {
        if (world.Redis.State.Isolation is { IsOfTheKey: true })
        {
            await portal.BreakerDesk.ResetAsync(BreakerSubject.RunPod, "the key works again", Admin, cancellationToken);
            note("ada resets the breaker");
        }

        if (world.HostedRedis.State.Isolation is { IsOfTheKey: true })
        {
            await portal.BreakerDesk.ResetAsync(BreakerSubject.Replicate, "the token works again", Admin, cancellationToken);
            note("ada resets the fallback's breaker");
        }
    }

    /// <summary>
    /// Approves a plan of the sweep that its caps have held back for an hour: the alert about it wakes somebody. What has changed between the look and the
    /// approval is looked at anew some minutes later.
    /// </summary>
    public async Task ApproveSweepAsync(SimulatedPortal portal, Action<string> note, CancellationToken cancellationToken)
    {
        DateTimeOffset now = world.Clock.GetUtcNow();
        if (!(now - world.SweepHeldBackSince >= ApprovesAfter) || now - approvedAt < LooksAgainAfter)
        {
            return;
        }

        approvedAt = now;
        if (await portal.Pods.PreviewSweepAsync(cancellationToken) is SweepPlanning.Planned { Plan: { } plan } && plan.WithinCaps < plan.Items.Count)
        {
            world.EndedByPeople.UnionWith(plan.Items.Where(static item => item.Action == SweepAction.Terminate).Select(static item => item.PodId));
            ApproveSweepOutcome outcome = await portal.Pods.ApproveSweepAsync(plan.Hash, Admin, cancellationToken);
            Approvals += outcome is ApproveSweepOutcome.Applied ? 1 : 0;
            note($"ada approves the sweep's {plan.Items.Count} items: {outcome.GetType().Name}");
        }
    }

    /// <summary>Decides what only people may: a kept pod that nobody waits for goes, file or not, and a plan that the caps hold back is carried out.</summary>
    public async Task CloseTheDayAsync(SimulatedPortal portal, Action<string> note, CancellationToken cancellationToken)
    {
        await ApproveSweepAsync(portal, note, cancellationToken);
        DateTimeOffset longAgo = world.Clock.GetUtcNow() - TimeSpan.FromHours(2);
        foreach (LedgerPod pod in world.Database.OpenPods.Rows
            .Where(pod => pod is { Want: PodWant.Held, PodId: not null } && pod.WantSince < longAgo)
            .OrderBy(pod => pod.Name, StringComparer.Ordinal).ToList())
        {
            world.EndedByPeople.Add(pod.PodId!);
            EndPodOutcome outcome = await portal.Pods.EndAsync(pod.PodId!, "the day is over", evenWithItsFile: true, Admin, cancellationToken);
            note($"ada ends {pod.Name}: {outcome.GetType().Name}");
        }
    }
}
