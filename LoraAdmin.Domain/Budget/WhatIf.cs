using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>What would become of a waiting job under another limit.</summary>
public enum WaitingVerdict
{
    /// <summary>It reserved when it was accepted; a lower limit takes nothing back.</summary>
    KeepsReservation,

    /// <summary>It has to reserve again, and there would be room.</summary>
    WouldFit,

    /// <summary>It has to reserve again, and would fail as <c>budget_exhausted</c>.</summary>
    WouldNotFit,

    /// <summary>It has to reserve again, and what jobs reserve is not known.</summary>
    NotKnown,
}

/// <param name="Reserved">Null: it holds no reservation.</param>
public sealed record WaitingOutlook(WaitingJob Job, Usd? Reserved, WaitingVerdict Verdict);

/// <param name="Reservations">What waiting jobs hold, by job and attempt; nothing else.</param>
/// <param name="Reservation">What the next job would reserve; null: not known.</param>
/// <param name="UsualCost">What attempts really came to, which may have reserved more or less than it; null: not known yet.</param>
/// <param name="Forecast">Null: too little history.</param>
public sealed record WhatIfBasis(
    BudgetMonth Month,
    IReadOnlyList<WaitingJob> Waiting,
    IReadOnlyDictionary<(JobId Job, int Attempt), Usd> Reservations,
    Usd? Reservation,
    Usd? UsualCost,
    ForecastCurve? Forecast);

/// <summary>The present month under another limit.</summary>
/// <param name="Room">What could still be reserved, or with a soft limit spent; negative: so much too much is spent and reserved already.</param>
/// <param name="AtOnce">How many such jobs could be accepted at this moment; null: not known, or without bound (<paramref name="IsUnbounded"/>).</param>
/// <param name="InTurn">How many, when each is over before the next one comes; null as above.</param>
/// <param name="IsUnbounded">A soft limit that is not reached refuses nobody.</param>
/// <param name="AdmitsNow">The next job would be accepted at this moment.</param>
/// <param name="NothingAdmittedFrom">From when it would be refused, as is expected; null: now already, not within the month, or no forecast.</param>
public sealed record WhatIf(
    Usd Limit, Usd Room, IReadOnlyList<WaitingOutlook> Waiting, int? AtOnce, int? InTurn, bool IsUnbounded, bool AdmitsNow, DateTimeOffset? NothingAdmittedFrom)
{
    /// <summary>What the next job would reserve: by it <see cref="AtOnce"/> is worked out. Null: not known.</summary>
    public Usd? Reserves { get; init; }

    /// <summary>What attempts came to on average when they were over, and no more than what the next one reserves: by it <see cref="InTurn"/> is worked out. Null: not known.</summary>
    public Usd? ComesTo { get; init; }

    /// <summary>Waiting jobs that would fail for want of money.</summary>
    public int Blocked => Waiting.Count(one => one.Verdict == WaitingVerdict.WouldNotFit);

    public static WhatIf Of(Usd limit, WhatIfBasis basis)
    {
        ArgumentNullException.ThrowIfNull(basis);
        bool isHard = basis.Month.Mode == BudgetMode.Hard;
        Usd room = limit - basis.Month.Spent - (isHard ? basis.Month.Reserved : Usd.Zero);
        bool admits = room > Usd.Zero && (!isHard || room >= (basis.Reservation ?? Usd.Zero));
        return new WhatIf(
            limit,
            room,
            Outlooks(basis, room),
            AtOnce: isHard ? Fitting(room, basis.Reservation) : admits ? null : 0,
            InTurn: isHard ? FittingInTurn(room, basis) : admits ? null : 0,
            IsUnbounded: !isHard && admits,
            AdmitsNow: admits,
            NothingAdmittedFrom: admits ? Refusing(limit, basis) : null)
        {
            Reserves = basis.Reservation,
            ComesTo = ComingTo(basis),
        };
    }

    /// <summary>A hard limit refuses before the money is spent: what open attempts reserved counts whole, and the next one needs its own.</summary>
    private static DateTimeOffset? Refusing(Usd limit, WhatIfBasis basis)
    {
        if (basis.Forecast is not { } forecast)
        {
            return null;
        }

        Usd expectedOfOpen = forecast.At(DateTimeOffset.MinValue).Expected - basis.Month.Spent;
        Usd comesTo = basis.Month.Mode == BudgetMode.Soft ? limit : limit - basis.Month.Reserved - (basis.Reservation ?? Usd.Zero) + expectedOfOpen;
        return forecast.ExpectedToReach(comesTo, basis.Month.Month.End);
    }

    private static List<WaitingOutlook> Outlooks(WhatIfBasis basis, Usd room)
    {
        List<WaitingOutlook> outlooks = [];
        foreach (WaitingJob job in basis.Waiting)
        {
            if (basis.Reservations.TryGetValue((job.Job, job.Attempt), out Usd reserved))
            {
                outlooks.Add(new WaitingOutlook(job, reserved, WaitingVerdict.KeepsReservation));
                continue;
            }

            WaitingVerdict verdict = Verdict(basis, room);
            outlooks.Add(new WaitingOutlook(job, null, verdict));
            room -= verdict == WaitingVerdict.WouldFit && basis.Month.Mode == BudgetMode.Hard ? basis.Reservation ?? Usd.Zero : Usd.Zero;
        }

        return outlooks;
    }

    private static WaitingVerdict Verdict(WhatIfBasis basis, Usd room) => (basis.Month.Mode, basis.Reservation) switch
    {
        (BudgetMode.Soft, _) => room > Usd.Zero ? WaitingVerdict.WouldFit : WaitingVerdict.WouldNotFit,
        (_, { } reservation) => room >= reservation ? WaitingVerdict.WouldFit : WaitingVerdict.WouldNotFit,
        _ => room <= Usd.Zero ? WaitingVerdict.WouldNotFit : WaitingVerdict.NotKnown,
    };

    private static int? Fitting(Usd room, Usd? each) =>
        room <= Usd.Zero ? 0 : each is { Micros: > 0 } one ? (int)Math.Min(int.MaxValue, room.Micros / one.Micros) : null;

    /// <summary>Each leaves what it really cost; the last one needs room for its whole reservation.</summary>
    private static int? FittingInTurn(Usd room, WhatIfBasis basis)
    {
        if (room <= Usd.Zero)
        {
            return 0;
        }

        if (basis.Reservation is not { Micros: > 0 } reservation || ComingTo(basis) is not { } cost)
        {
            return null;
        }

        if (room < reservation)
        {
            return 0;
        }

        return cost <= Usd.Zero ? null : (int)Math.Min(int.MaxValue, ((room - reservation).Micros / cost.Micros) + 1);
    }

    private static Usd? ComingTo(WhatIfBasis basis) =>
        basis is { Reservation: { } reservation, UsualCost: { } cost } ? cost < reservation ? cost : reservation : null;
}
