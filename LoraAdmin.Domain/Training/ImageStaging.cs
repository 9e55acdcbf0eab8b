using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <param name="FileName">As the sender named it; only for messages, never part of a path or key.</param>
/// <param name="Content">Read once, forwards; valid only until the next file of the sequence is asked for.</param>
public sealed record StagedFile(string FileName, Stream Content);

public abstract record StagingOutcome
{
    private StagingOutcome()
    {
    }

    /// <param name="Upload">Claimed by the admission transaction (<see cref="TrainingRequest.Upload"/>); unclaimed ones go after an hour.</param>
    /// <param name="Keys">In the bucket <c>lora-training-images</c>, in the order of the files.</param>
    /// <param name="Sha256">64 lower-case hex digits per file, in the order of the files.</param>
    public sealed record Staged(Guid Upload, IReadOnlyList<string> Keys, IReadOnlyList<string> Sha256) : StagingOutcome;

    /// <summary>At least one file can't be used; nothing of the sequence is left in the store.</summary>
    public sealed record Rejected(IReadOnlyList<FieldProblem> Problems) : StagingOutcome;
}

/// <summary>Takes the image files that come with a request, for the API and the dialog alike.</summary>
public interface IImageStaging
{
    /// <summary>
    /// Reads, inspects and stores the files one after the other in bounded memory. An exception from the sequence itself, or cancellation, leaves
    /// nothing behind and passes through.
    /// </summary>
    /// <exception cref="StoreUnavailableException">The store or the database is away; nothing is left.</exception>
    Task<StagingOutcome> StageAsync(UserId user, IAsyncEnumerable<StagedFile> files, CancellationToken cancellationToken);

    /// <summary>Removes an upload that no job has claimed; leaves a claimed or unknown one alone.</summary>
    Task DiscardAsync(Guid upload, CancellationToken cancellationToken);
}
