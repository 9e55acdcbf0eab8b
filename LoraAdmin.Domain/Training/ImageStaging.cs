using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Domain.Training;

/// <summary>One image file as it was sent. The stream is read once, from its start.</summary>
public sealed record StagedFile(string FileName, Stream Content);

public abstract record StagingOutcome
{
    private StagingOutcome()
    {
    }

    public sealed record Staged(Guid Upload, IReadOnlyList<string> Keys, IReadOnlyList<string> Sha256) : StagingOutcome;

    public sealed record Rejected(IReadOnlyList<FieldProblem> Problems) : StagingOutcome;
}

/// <summary>Puts the files of a request into the training bucket under an upload row, which admission claims.</summary>
public interface IImageStaging
{
    Task<StagingOutcome> StageAsync(UserId user, IAsyncEnumerable<StagedFile> files, CancellationToken cancellationToken);

    Task DiscardAsync(Guid upload, CancellationToken cancellationToken);
}
