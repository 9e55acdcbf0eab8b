using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Library;

/// <summary>A completed LoRA and where its file is said to lie.</summary>
/// <param name="Path">Key in the bucket <c>lora-models</c>; empty: the row names none.</param>
public sealed record StoredLora(LoraId Id, UserId User, string Path);

/// <summary>What the tables know of the files of LoRAs, for whoever compares storage with them. Reads only. Bound to a unit of work.</summary>
public interface ILoraFiles
{
    /// <summary>Which of the LoRAs have a row.</summary>
    /// <param name="ids">Up to 1000.</param>
    Task<IReadOnlySet<LoraId>> FindExistingAsync(IReadOnlyCollection<LoraId> ids, CancellationToken cancellationToken);

    /// <summary>Which of the keys some row names as its <c>storage_path</c>.</summary>
    /// <param name="paths">Up to 1000.</param>
    Task<IReadOnlySet<string>> FindPathsAsync(IReadOnlyCollection<string> paths, CancellationToken cancellationToken);

    /// <summary>Keys of all validation images of the LoRAs: those of <c>validation_images</c>, and those that a row from before the portal lists.</summary>
    /// <param name="ids">Up to 1000.</param>
    Task<IReadOnlySet<string>> ListImageKeysAsync(IReadOnlyCollection<LoraId> ids, CancellationToken cancellationToken);

    /// <summary>Completed LoRAs in ordinal order of their paths and then of their ids; null: from the first.</summary>
    Task<IReadOnlyList<StoredLora>> ListCompletedAsync(StoredLora? after, int most, CancellationToken cancellationToken);
}
