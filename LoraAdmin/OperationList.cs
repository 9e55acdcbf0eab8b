using LoraAdmin.Domain.Access;
using LoraAdmin.Domain.Budget;
using LoraAdmin.Domain.Limits;
using LoraAdmin.Domain.Operations;
using LoraAdmin.Domain.Pods;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;

namespace LoraAdmin;

/// <summary>Every operation of the features, with the permission that running it needs. Operations has its own, the retention of history.</summary>
internal static class OperationList
{
    public static IServiceCollection AddOperationList(this IServiceCollection services)
    {
        services.AddSingleton<IOperation>(provider => new PodSweepOperation(
            provider.GetRequiredService<PodSweep>(), provider.GetRequiredService<TimeProvider>(), Permissions.SweepPods));
        services.AddSingleton<IOperation>(provider => new SpoolUploadOperation(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<SpoolUploads>(),
            provider.GetRequiredService<ISpool>(),
            provider.GetRequiredService<TimeProvider>(),
            Permissions.UploadFiles));
        services.AddSingleton<IOperation>(provider => new MonthReset(
            provider.GetRequiredService<IUnitOfWork>(), provider.GetRequiredService<TimeProvider>(), Permissions.ResetLimits));
        services.AddSingleton<IOperation>(provider => provider.GetRequiredService<OldImages>());
        services.AddSingleton<IOperation>(provider => new StorageCensus(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IObjectListing>(),
            provider.GetRequiredService<IObjectStore>(),
            provider.GetRequiredService<TimeProvider>(),
            Permissions.CountFiles));
        services.AddSingleton<IOperation>(provider => new MoneyReconcile(
            provider.GetRequiredService<IUnitOfWork>(),
            provider.GetRequiredService<IPodBilling>(),
            provider.GetRequiredService<TimeProvider>(),
            provider.GetRequiredService<BudgetRules>,
            Permissions.ReconcileMoney));
        services.AddSingleton<IOperation>(provider => new TotalsCheck(
            provider.GetRequiredService<IUnitOfWork>(), provider.GetRequiredService<TimeProvider>(), Permissions.ReconcileMoney));
        return services;
    }
}
