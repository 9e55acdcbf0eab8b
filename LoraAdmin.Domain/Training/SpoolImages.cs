using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>Validation images on their way through this instance's spool, wherever they were made.</summary>
internal sealed class SpoolImages(ISpool spool)
{
    /// <summary>The first of the attempt's images that is neither in the bucket nor in this instance's spool; null when all are.</summary>
    public async Task<int?> FindMissingAsync(JobId job, int attempt, int wanted, IReadOnlyList<ValidationImage> images, CancellationToken cancellationToken)
    {
        for (int index = 0; index < wanted; index++)
        {
            ValidationImage? known = images.FirstOrDefault(image => image.Attempt == attempt && image.Index == index);
            if (known is null || (known.IsPending && await spool.FindAsync(SpoolNames.ValidationImage(job, attempt, index), cancellationToken) is SpoolReading<SpoolFile>.Absent))
            {
                return index;
            }
        }

        return null;
    }

    /// <summary>Puts one validation image into the spool; null when it lies there whole.</summary>
    public async Task<FetchOutcome?> PutAsync(string name, byte[] jpeg, CancellationToken cancellationToken)
    {
        using MemoryStream content = new(jpeg, writable: false);

        // A part of an earlier try, or the same image sealed: the present one takes its place.
        if (!await spool.DeleteAsync(name, cancellationToken))
        {
            return new FetchOutcome.Stalled("An older validation image can't be removed from the spool");
        }

        SpoolOutcome appended = await spool.AppendAsync(name, 0, content, cancellationToken);
        return (appended is SpoolOutcome.Done ? await spool.SealAsync(name, cancellationToken) : appended) switch
        {
            SpoolOutcome.Done => null,
            SpoolOutcome.NoRoom full => new FetchOutcome.NoRoom(full.Reason),
            SpoolOutcome.Broken broken => new FetchOutcome.Stalled(broken.Reason),
            SpoolOutcome.Failed failed => new FetchOutcome.Stalled($"The spool can't keep a validation image: {failed.Reason}"),
            _ => new FetchOutcome.Stalled("The spool can't keep a validation image"),
        };
    }

    /// <summary>The row of an image that lies in the spool and is not judged yet.</summary>
    public static ValidationImage RowOf(TrainingJob job, int attempt, int index, double score, DateTimeOffset now) =>
        new(job.LoraId, index, ObjectKeys.ValidationImage(job.UserId, job.LoraId, index).Key, score, null, null, now, attempt) { IsPending = true };
}
