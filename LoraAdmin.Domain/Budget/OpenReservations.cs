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
            page = await store.ListOpenAsync(open.LastOrDefault(), AtOnce, cancellationToken);
            open.AddRange(page);
        }
        while (page.Count == AtOnce);

        return open;
    }
}
