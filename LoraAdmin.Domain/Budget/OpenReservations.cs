using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

public static class OpenReservationsExtensions
{
    private const int AtOnce = 500;

    /// <summary>All open reservations, oldest first: about one for each attempt at work.</summary>
    public static async Task<IReadOnlyList<Reservation>> ListAllOpenAsync(this IBudgetStore store, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        List<Reservation> open = [];
        IReadOnlyList<Reservation> page;
        do
        {
            page = await store.ListOpenAsync(open.Count == 0 ? null : ReservationCursor.After(open[^1]), AtOnce, cancellationToken);
            open.AddRange(page);
        }
        while (page.Count == AtOnce);

        return open;
    }

    /// <summary>Open reservations that were made after an instant, oldest first, a page of them at most.</summary>
    public static Task<IReadOnlyList<Reservation>> ListOpenSinceAsync(this IBudgetStore store, DateTimeOffset instant, int max, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(store);
        return store.ListOpenAsync(new ReservationCursor(instant, Id: null), max, cancellationToken);
    }
}
