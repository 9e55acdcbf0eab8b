using LoraAdmin.Domain.Library;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training;

/// <summary>What bringing one proven file into storage came to.</summary>
internal abstract record UploadOutcome
{
    private UploadOutcome()
    {
    }

    /// <summary>Storage has file and images, read back and compared.</summary>
    /// <param name="Images">As they are to be written: no longer pending.</param>
    public sealed record Stored(ObjectRef Target, IReadOnlyList<ValidationImage> Images) : UploadOutcome;

    /// <summary>The spool does not have the file any more.</summary>
    public sealed record Missing : UploadOutcome;

    /// <summary>The spool can't be read: the file may be there, and nothing was tried.</summary>
    public sealed record Away(string Reason) : UploadOutcome;

    public sealed record Failed(string Problem) : UploadOutcome;
}

/// <summary>
/// Puts a file of the spool and its validation images into storage and reads each of them back through SHA-256: the only proof that storage has it. The
/// attempts of a job share their keys: whoever calls this holds the job's lease, and the images are those of the file's own attempt.
/// </summary>
internal sealed class SpoolUpload(IObjectStore objects, ISpool spool)
{
    /// <param name="stored">What the LoRA's row says of a file that was verified in storage before.</param>
    public async Task<UploadOutcome> RunAsync(
        UserId user, LoraId lora, SpoolEntry entry, Lora? stored, IReadOnlyList<ValidationImage> images, CancellationToken cancellationToken)
    {
        ObjectRef target = ObjectKeys.Model(user, lora);
        if (stored is not { StoragePath: not null } || stored.FileSha256 != entry.Sha256)
        {
            switch (await spool.OpenAsync(entry.Name, cancellationToken))
            {
                case SpoolReading<Stream>.Found found:
                    await using (found.Value)
                    {
                        if (await StoreAsync(target, found.Value, "application/octet-stream", new SpoolDigest(entry.SizeBytes, entry.Sha256), cancellationToken) is { } problem)
                        {
                            return new UploadOutcome.Failed(problem);
                        }
                    }

                    break;
                case SpoolReading<Stream>.Unreadable unreadable:
                    return new UploadOutcome.Away(ArtifactFetch.AwayWords(unreadable.Reason));
                default:
                    return new UploadOutcome.Missing();
            }
        }

        List<ValidationImage> done = [];
        foreach (ValidationImage image in images.Where(image => image.IsPending && image.Attempt == entry.Attempt))
        {
            (bool isThere, UploadOutcome? problem) = await ImageAsync(image, entry, cancellationToken);
            if (problem is not null)
            {
                return problem;
            }

            if (isThere)
            {
                done.Add(image with { IsPending = false });
            }
        }

        return new UploadOutcome.Stored(target, done);
    }

    /// <summary>Notes in the caller's transaction what storage has now.</summary>
    public static async Task NoteAsync(
        IUnit unit, LoraId id, SpoolEntry entry, UploadOutcome.Stored stored, DateTimeOffset now, CancellationToken cancellationToken)
    {
        ILoraStore loras = unit.Store<ILoraStore>();
        if (await loras.FindAsync(id, cancellationToken) is { } lora)
        {
            await loras.SaveAsync(
                lora with { StoragePath = stored.Target.Key, FileSizeBytes = entry.SizeBytes, FileSha256 = entry.Sha256, UpdatedAt = now }, cancellationToken);
        }

        if (stored.Images.Count > 0)
        {
            await loras.SaveValidationImagesAsync(id, stored.Images, cancellationToken);
        }
    }

    private async Task<string?> StoreAsync(ObjectRef target, Stream content, string contentType, SpoolDigest sent, CancellationToken cancellationToken)
    {
        PutOutcome put = await objects.PutAsync(target, content, contentType, cancellationToken);
        if (put is not PutOutcome.Stored)
        {
            return Why(put);
        }

        return await objects.ReadBackSha256Async(target, cancellationToken) switch
        {
            ReadBack.Read read when read.Sha256 == sent.Sha256 && read.SizeBytes == sent.LengthBytes => null,
            ReadBack.Read read => $"storage holds other bytes than were sent: SHA-256 {read.Sha256}, {read.SizeBytes} bytes",
            ReadBack.NotFound => "storage took it but does not have it",
            ReadBack.Unavailable unavailable => $"it could not be read back: {unavailable.Reason}",
            _ => "it could not be read back",
        };
    }

    private async Task<(bool IsThere, UploadOutcome? Problem)> ImageAsync(ValidationImage image, SpoolEntry entry, CancellationToken cancellationToken)
    {
        if (entry.Job is not { } job)
        {
            return (false, null);
        }

        string name = SpoolNames.ValidationImage(job, entry.Attempt, image.Index);
        SpoolReading<SpoolDigest> digested = await spool.DigestAsync(name, cancellationToken);
        SpoolReading<Stream> opened = await spool.OpenAsync(name, cancellationToken);
        await using Stream? content = opened.OrNull();
        if (((digested as SpoolReading<SpoolDigest>.Unreadable)?.Reason ?? (opened as SpoolReading<Stream>.Unreadable)?.Reason) is { } unread)
        {
            return (false, new UploadOutcome.Away(ArtifactFetch.AwayWords(unread)));
        }

        if (digested.OrNull() is not { } sent || content is null)
        {
            // Its score is known, and the file is worth more than a picture of it: it stays pending and is never shown.
            return (false, null);
        }

        string? problem = await StoreAsync(new ObjectRef(Buckets.ValidationImages, image.Key), content, "image/jpeg", sent, cancellationToken);
        return (true, problem is null ? null : new UploadOutcome.Failed($"validation image {image.Index} could not be stored: {problem}"));
    }

    private static string Why(PutOutcome outcome) => outcome switch
    {
        PutOutcome.Failed failed => failed.Reason,
        PutOutcome.Refused refused => refused.Reason,
        _ => "stored",
    };
}
