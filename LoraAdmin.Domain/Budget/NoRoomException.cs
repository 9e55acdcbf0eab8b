using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>
/// Leaves a unit whose reservation the month has no room for. PostgreSQL keeps the row of a month that it had to wait for, also when nothing is written then:
/// only the end of the unit gives it back. What follows from the refusal takes other rows, and is written in a unit of its own.
/// </summary>
internal sealed class NoRoomException(ReserveResult.DoesNotFit refusal) : Exception($"{refusal.Month.Month} has no room for it.")
{
    public BudgetMonth Month { get; } = refusal.Month;

    /// <summary>What was to be reserved.</summary>
    public Usd Asked { get; } = refusal.Estimate;
}
