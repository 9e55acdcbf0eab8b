using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Platform.Data;
using LoraAdmin.Platform.Live;
using LoraAdmin.Shell;

namespace LoraAdmin.Budget;

/// <summary>The pages /budget and /budget/ledger, and the tile on the overview.</summary>
public static class BudgetPages
{
    public const string Path = "/budget";

    public const int PageSize = 50;

    /// <summary>More of a history of prices than anybody reads on a page.</summary>
    public const int MostPrices = 200;

    public static readonly LiveSource<BudgetBoard> Board = new(
        "budget.board",
        LiveTopics.Training,
        TimeSpan.FromSeconds(5),
        (services, token) => services.GetRequiredService<IBudgetQueries>().ReadAsync(token));

    public static readonly LiveSource<BalanceView> Balance = new(
        "budget.balance",
        LiveTopics.Training,
        TimeSpan.FromSeconds(15),
        (services, token) => services.GetRequiredService<IProviderMoney>().ReadBalanceAsync(token));

    /// <summary>Of the days that averages are taken over.</summary>
    public static readonly LiveSource<DriftReport> Drift = new(
        "budget.drift",
        LiveTopics.Bills,
        TimeSpan.FromMinutes(1),
        (services, token) =>
        {
            DateTimeOffset now = Present(services);
            return services.GetRequiredService<IProviderMoney>().ReadDriftAsync(BudgetFigures.AverageSince(now), now, token);
        });

    public static readonly LiveSource<IReadOnlyList<PriceSpan>> Prices = new(
        "budget.prices",
        LiveTopics.Bills,
        TimeSpan.FromMinutes(1),
        (services, token) => services.GetRequiredService<IProviderMoney>().ReadPricesAsync(MostPrices, token));

    public static LiveSource<LedgerPage> FirstPage(LedgerAddress address) => new(
        $"budget.ledger{(address with { After = null }).ToUri()}",
        LiveTopics.Training,
        TimeSpan.FromSeconds(5),
        (services, token) => services.GetRequiredService<IBudgetQueries>().ListAsync(
            address.ToFilter(Present(services)), null, PageSize, token));

    public static IServiceCollection AddBudgetPages(this IServiceCollection services)
    {
        services.AddSingleton(provider => new BudgetQueryStore(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IFixedReads>(),
            provider.GetRequiredService<IBatchedQuery<PaidWorkQuestion, PaidWorkNow>>(),
            provider.GetRequiredService<BudgetRules>,
            provider.GetRequiredService<LoraCostRules>,
            provider.GetRequiredService<IJobEstimate>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<ClockStandings>()));
        services.AddSingleton<IBudgetQueries>(static provider => provider.GetRequiredService<BudgetQueryStore>());
        services.AddSingleton<ILoraCosts>(static provider => provider.GetRequiredService<BudgetQueryStore>());
        services.AddSingleton(new Slot(SlotPlaces.OverviewTiles, typeof(BudgetTile)));
        return services;
    }

    /// <summary>As admission has it: the month that is shown is the one that it judges by.</summary>
    private static DateTimeOffset Present(IServiceProvider services) =>
        services.GetRequiredService<ClockStandings>().ByProvider(services.GetRequiredService<TimeProvider>().GetUtcNow());
}
