using System.Globalization;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Files;

namespace LoraAdmin.Training;

/// <summary>
/// Takes the image files of one request into the bucket, each one decoded whole, in memory that does not grow with their number or size. The upload's
/// row is written first, so that whatever happens <see cref="UploadSweep"/> finds what was left. Called by the API and the "New training job" dialog.
/// </summary>
public sealed class UploadStaging(
    IUnitOfWork unitOfWork, IObjectStore store, IImageInspector inspector, TrainingRules rules, IIds ids, TimeProvider clock) : IImageStaging
{
    /// <summary>Half of the time after which unclaimed uploads go, so that the sweep never meets an upload that is still coming in.</summary>
    public static readonly TimeSpan MostTime = UploadSweep.UnclaimedAfter / 2;

    private const int MostShownName = 80;

    /// <exception cref="StoreUnavailableException">Database or storage is away; nothing was kept.</exception>
    /// <exception cref="IOException">The sender broke off; nothing was kept.</exception>
    public async Task<StagingOutcome> StageAsync(UserId user, IAsyncEnumerable<StagedFile> files, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(files);
        using CancellationTokenSource deadline = new(MostTime, clock);
        using CancellationTokenSource either = CancellationTokenSource.CreateLinkedTokenSource(deadline.Token, cancellationToken);
        Batch batch = new(user, ids.Next());
        bool kept = false;
        try
        {
            StagingOutcome outcome = await TakeAllAsync(batch, files, either.Token);
            kept = outcome is StagingOutcome.Staged;
            return outcome;
        }
        catch (OperationCanceledException) when (deadline.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            return new StagingOutcome.Rejected(
            [
                new FieldProblem(
                    "images",
                    $"The files did not arrive within {MostTime.TotalMinutes:0} minutes.",
                    "Send fewer or smaller files, or use a faster connection."),
            ]);
        }
        finally
        {
            if (!kept && batch.HasRow)
            {
                await RemoveAsync(batch);
            }
        }
    }

    public async Task DiscardAsync(Guid upload, CancellationToken cancellationToken)
    {
        TrainingUpload? row = await unitOfWork.ReadAsync((unit, token) => unit.Store<ITrainingUploadStore>().FindAsync(upload, token), cancellationToken);
        if (row is { ClaimedBy: null })
        {
            await UploadSweep.RemoveAsync(unitOfWork, store, row.User, row.Id, rules.MaxImages, cancellationToken);
        }
    }

    private async Task<StagingOutcome> TakeAllAsync(Batch batch, IAsyncEnumerable<StagedFile> files, CancellationToken cancellationToken)
    {
        int index = 0;
        await foreach (StagedFile file in files.WithCancellation(cancellationToken))
        {
            if (index == rules.MaxImages)
            {
                batch.Problems.Add(CountProblem($"more than {rules.MaxImages} files"));
                return new StagingOutcome.Rejected(batch.Problems);
            }

            string field = $"images[{index++}] ({Shown(file.FileName)})";
            switch (await TakeAsync(batch, field, file.Content, cancellationToken))
            {
                case Taken.Stop:
                    return new StagingOutcome.Rejected(batch.Problems);
                case Taken.StorageFailed failed:
                    throw new StoreUnavailableException($"Storage took no file: {failed.Reason}");
                default:
                    break;
            }
        }

        if (index < rules.MinImages)
        {
            batch.Problems.Add(CountProblem(index == 0 ? "no files" : $"{index} files"));
        }

        return batch.Problems.Count > 0 ? new StagingOutcome.Rejected(batch.Problems) : new StagingOutcome.Staged(batch.Upload, batch.Keys, batch.Sha256);
    }

    private async Task<Taken> TakeAsync(Batch batch, string field, Stream content, CancellationToken cancellationToken)
    {
        byte[] start = new byte[ImageSignatures.Length];
        int read = await content.ReadAtLeastAsync(start, start.Length, throwOnEndOfStream: false, cancellationToken);
        if (ImageSignatures.Format(start.AsSpan(0, read)) is null)
        {
            string problem = read == 0 ? "It is empty." : "It is not a JPEG, PNG or WebP image, whatever its name says.";
            batch.Problems.Add(new FieldProblem(field, problem, "Send JPEG, PNG or WebP files, or leave this one out."));
            return new Taken.Judged();
        }

        await AddRowAsync(batch, cancellationToken);
        ObjectRef target = ObjectKeys.TrainingImage(batch.User, batch.Upload, batch.Keys.Count);
        await using UploadStream upload = new(start.AsMemory(0, read), content, rules.MaxImageBytes);
        PutOutcome put = await store.PutAsync(target, upload, ImageSignatures.ContentType(start.AsSpan(0, read)), cancellationToken);
        if (upload.IsTooLong)
        {
            string most = string.Create(CultureInfo.InvariantCulture, $"{rules.MaxImageBytes / 1_000_000.0:0.##} MB");
            batch.Problems.Add(new FieldProblem(field, $"It is larger than {most}.", $"Send it smaller: at most {most} for one file."));
            return new Taken.Stop();
        }

        upload.SenderFailure?.Throw();
        switch (put)
        {
            case PutOutcome.Stored stored:
                batch.Keys.Add(target.Key);
                batch.Sha256.Add(stored.Sha256);
                return await JudgeAsync(batch, field, target, cancellationToken);
            case PutOutcome.Failed failed:
                return new Taken.StorageFailed(failed.Reason);
            case PutOutcome.Refused refused:
                return new Taken.StorageFailed(refused.Reason);
            default:
                throw new NotSupportedException("A put is stored, failed or refused.");
        }
    }

    // Judged from what storage holds, not from what was sent: a slow sender then never keeps a decoder waiting.
    private async Task<Taken> JudgeAsync(Batch batch, string field, ObjectRef target, CancellationToken cancellationToken)
    {
        switch (await store.OpenAsync(target, cancellationToken))
        {
            case ObjectReading.Found found:
                await using (found.Content)
                {
                    ImageVerdict verdict;
                    try
                    {
                        verdict = await inspector.InspectAsync(found.Content, rules.MaxImageBytes, rules.MaxImagePixels, cancellationToken);
                    }
                    catch (IOException failure)
                    {
                        return new Taken.StorageFailed(failure.Message);
                    }

                    if (verdict is ImageVerdict.Bad bad)
                    {
                        batch.Problems.Add(new FieldProblem(field, bad.Reason, "Send a whole, smaller or other image, or leave this one out."));
                    }

                    return new Taken.Judged();
                }

            case ObjectReading.Unavailable unavailable:
                return new Taken.StorageFailed(unavailable.Reason);
            default:
                return new Taken.StorageFailed("A file that was just stored is not there.");
        }
    }

    private async Task AddRowAsync(Batch batch, CancellationToken cancellationToken)
    {
        if (batch.HasRow)
        {
            return;
        }

        TrainingUpload row = new(batch.Upload, batch.User, clock.GetUtcNow(), ClaimedBy: null);
        batch.HasRow = true;
        try
        {
            await unitOfWork.RunAsync((unit, token) => unit.Store<ITrainingUploadStore>().AddAsync(row, token), cancellationToken);
        }
        catch (StoreUnavailableException)
        {
            batch.HasRow = false;
            throw;
        }
    }

    // The request may be cancelled already: cleaning up is not. A put that failed may have stored something all the same, hence one more.
    private async Task RemoveAsync(Batch batch)
    {
        try
        {
            await UploadSweep.RemoveAsync(unitOfWork, store, batch.User, batch.Upload, batch.Keys.Count + 1, CancellationToken.None);
        }
        catch (StoreUnavailableException)
        {
            // The row stays, and with it the sweep's task.
        }
    }

    private FieldProblem CountProblem(string sent) =>
        new("images", $"The request has {sent}.", $"Send {rules.MinImages} to {rules.MaxImages} image files.");

    private static string Shown(string name)
    {
        string clean = string.Concat(name.Where(character => !char.IsControl(character)));
        return clean.Length <= MostShownName ? clean : $"{clean.AsSpan(0, MostShownName)}…";
    }

    private sealed class Batch(UserId user, Guid upload)
    {
        public UserId User { get; } = user;
        public Guid Upload { get; } = upload;
        public bool HasRow { get; set; }
        public List<string> Keys { get; } = [];
        public List<string> Sha256 { get; } = [];
        public List<FieldProblem> Problems { get; } = [];
    }

    private abstract record Taken
    {
        public sealed record Judged : Taken;

        public sealed record Stop : Taken;

        public sealed record StorageFailed(string Reason) : Taken;
    }
}
