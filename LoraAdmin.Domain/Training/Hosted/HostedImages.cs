using System.IO.Compression;
using System.Security.Cryptography;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Domain.Training.Hosted;

/// <summary>
/// Puts the training images of a job as one zip beside them, for the provider to fetch by a link that is signed for an hour. The zip goes when its training
/// is over (<see cref="HostedWatch"/>).
/// </summary>
public sealed class HostedImages(IUnitOfWork work, IObjectStore objects, IScratch scratch, ILinkSigner links)
{
    /// <summary>A zip knows no earlier time; the same images make the same zip.</summary>
    private static readonly DateTimeOffset NoTime = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public static ObjectRef ZipOf(UserId user, string name) => new(Buckets.TrainingImages, $"{user}/zips/{name}.zip");

    public async Task<HostedInput> PackAsync(TrainingJob job, string name, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(job);
        IReadOnlyList<TrainingImage> images = await work.ReadAsync(
            (unit, token) => unit.Store<ITrainingStore>().ListImagesAsync(job.Id, token), cancellationToken);
        try
        {
            await using Stream zip = scratch.Open();
            using (ZipArchive archive = new(zip, ZipArchiveMode.Create, leaveOpen: true))
            {
                foreach (TrainingImage image in images)
                {
                    if (await AddAsync(archive, image, cancellationToken) is { } problem)
                    {
                        return problem;
                    }
                }
            }

            zip.Position = 0;
            ObjectRef target = ZipOf(job.UserId, name);
            return await objects.PutAsync(target, zip, "application/zip", cancellationToken) switch
            {
                PutOutcome.Stored => new HostedInput.Ready(links.Sign(target).Url),
                PutOutcome.Failed failed => new HostedInput.Later($"the zip of the images could not be stored: {failed.Reason}"),
                PutOutcome.Refused refused => new HostedInput.Later($"the zip of the images could not be stored: {refused.Reason}"),
                _ => new HostedInput.Later("the zip of the images could not be stored"),
            };
        }
        catch (IOException failure)
        {
            return new HostedInput.Later($"the zip of the images could not be made: {failure.Message}");
        }
    }

    private async Task<HostedInput?> AddAsync(ZipArchive archive, TrainingImage image, CancellationToken cancellationToken)
    {
        switch (await objects.OpenAsync(new ObjectRef(Buckets.TrainingImages, image.Key), cancellationToken))
        {
            case ObjectReading.Found found:
                await using (found.Content)
                {
                    ZipArchiveEntry entry = archive.CreateEntry($"{image.Number}.{SuffixOf(image.Format)}", CompressionLevel.NoCompression);
                    entry.LastWriteTime = NoTime;
                    await using Stream target = entry.Open();
                    using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
                    byte[] buffer = new byte[64 * 1024];
                    int read;
                    while ((read = await found.Content.ReadAsync(buffer, cancellationToken)) > 0)
                    {
                        hash.AppendData(buffer, 0, read);
                        await target.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
                    }

                    return Convert.ToHexStringLower(hash.GetHashAndReset()) == image.Sha256
                        ? null
                        : new HostedInput.Bad($"image {image.Number + 1}: it was changed after it had been checked");
                }

            case ObjectReading.NotFound:
                return new HostedInput.Bad($"image {image.Number + 1}: it is no longer in storage");
            case ObjectReading.Unavailable unavailable:
                return new HostedInput.Later($"image {image.Number + 1} could not be read: {unavailable.Reason}");
            default:
                throw new NotSupportedException("An object reading is found, not found or unavailable.");
        }
    }

    private static string SuffixOf(string? format) => format is "png" or "webp" ? format : "jpg";
}
