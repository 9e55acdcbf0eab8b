using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Budget;

/// <summary>What the next job would reserve. Budget knows neither pods nor prices; the feature that admits jobs answers.</summary>
public interface IJobEstimate
{
    /// <summary>Of a job that names no GPU type. By what is known already: no provider is asked, and where no price was ever read it is the worst case.</summary>
    /// <remarks>It may read the database: not to be called inside a unit of work.</remarks>
    Task<Usd> ReadAsync(CancellationToken cancellationToken);
}
