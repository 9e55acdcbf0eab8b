using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Training;

namespace LoraAdmin.Tests.Simulation;

/// <summary>Invariant 4: the months' totals, their entries, and the reservations say the same.</summary>
public sealed partial class Invariants
{
    /// <summary>How long a reservation may be open that nothing needs: whoever settles it may be dead, frozen or behind.</summary>
    private static readonly TimeSpan SettledWithin = TimeSpan.FromDays(1);

    private static readonly TimeSpan OutlivedLookEvery = TimeSpan.FromHours(1);

    private readonly Dictionary<(JobId, int), DateTimeOffset> unneeded = [];
    private DateTimeOffset outlivedLookAt;

    /// <summary>From the rows alone.</summary>
    private void CheckMoney()
    {
        Dictionary<Month, MonthSums> months = world.Database.Months.Rows.ToDictionary(static row => row.Month, static _ => default(MonthSums));
        Dictionary<(JobId, int), long> held = [];
        foreach (Reservation one in world.Database.Reservations.Rows)
        {
            months[one.Month] = months.GetValueOrDefault(one.Month).With(one, 1);
            held[(one.Job, one.Attempt)] = 0;
        }

        foreach (BudgetEntry entry in world.Database.Entries.Rows)
        {
            months[entry.Month] = months.GetValueOrDefault(entry.Month).With(entry, 1);
            if (entry is { Job: { } job, Attempt: { } attempt })
            {
                held[(job, attempt)] = held.GetValueOrDefault((job, attempt)) + entry.Reserved.Micros;
            }
        }

        foreach (((JobId job, int attempt), long micros) in held)
        {
            CheckAttempt(job, attempt, micros);
        }

        foreach ((Month month, MonthSums right) in months)
        {
            CheckMonth(month, right);
        }
    }

    private void CheckAttempt(JobId job, int attempt, long held)
    {
        Reservation? one = world.Database.Reservations.Find((job, attempt));
        Require(one is not { SettledAt: not null } || held == 0, $"4: attempt {attempt} of {job} is settled and its entries hold {held} reserved");
    }

    /// <summary>What was written and taken back by a rollback was touched too, and has no row.</summary>
    private void CheckMonth(Month name, MonthSums right)
    {
        BudgetMonth? month = world.Database.Months.Find(name);
        (long heldBack, long paid) = (month?.Reserved.Micros ?? 0, month?.Spent.Micros ?? 0);
        Require(heldBack == right.Reserved && paid == right.Spent, $"4: month {name} differs from its entries");
        Require(heldBack == right.Rest && paid - right.Beyond == right.Accrued, $"4: month {name} differs from its reservations");

        // What nobody reserved is booked whatever the limit, and may be there before the reservations are.
        Require(heldBack + paid - right.Beyond <= world.Budget.MonthlyLimit.Micros, $"4: month {name} passes its limit");
    }

    private void CheckOutlived()
    {
        DateTimeOffset now = world.Clock.GetUtcNow();
        if (now < outlivedLookAt)
        {
            return;
        }

        outlivedLookAt = now + OutlivedLookEvery;
        foreach (Reservation one in world.Database.OpenReservations.Rows)
        {
            bool needed = world.Database.Attempts.Find((one.Job, one.Attempt)) is not { State: not AttemptState.Active }
                || world.Database.PodsOf[one.Job].Any(pod => pod.Attempt == one.Attempt && pod.Saw != Domain.Pods.PodSaw.Gone)
                || world.Database.HostedOf[one.Job].Any(training => training.Attempt == one.Attempt && !training.IsFinal);
            if (needed)
            {
                unneeded.Remove((one.Job, one.Attempt));
                continue;
            }

            DateTimeOffset since = unneeded.TryGetValue((one.Job, one.Attempt), out DateTimeOffset noted) ? noted : unneeded[(one.Job, one.Attempt)] = now;
            Require(now - since < SettledWithin, $"4: the reservation of attempt {one.Attempt} of {one.Job} outlives it");
        }
    }
}
