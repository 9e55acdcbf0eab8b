using System.Collections.Concurrent;
using System.Security.Cryptography;
using LoraAdmin.Domain.Shared;
using LoraAdmin.Domain.Storage;
using LoraAdmin.Domain.Training;
using LoraAdmin.Tests.Doubles;

namespace LoraAdmin.Tests.Api.Fakes;

/// <summary>Stages like the real one as far as callers can tell: inspects by magic bytes, bounds sizes, leaves nothing of a refused sequence.</summary>
public sealed class MemoryStaging(TrainingRules rules) : IImageStaging
{
    private static readonly byte[] Jpeg = [0xFF, 0xD8, 0xFF];
    private readonly SeededIds ids = new(7);
    private long bytesRead;

    public ConcurrentDictionary<Guid, IReadOnlyList<string>> Uploads { get; } = new();

    public long BytesRead => bytesRead;

    public async Task<StagingOutcome> StageAsync(UserId user, IAsyncEnumerable<StagedFile> files, CancellationToken cancellationToken)
    {
        Guid upload = ids.Next();
        List<string> keys = [];
        List<string> hashes = [];
        List<FieldProblem> problems = [];
        Uploads[upload] = keys;
        try
        {
            await foreach (StagedFile file in files.WithCancellation(cancellationToken))
            {
                string field = $"images[{keys.Count}] ({file.FileName})";
                byte[] content = await ReadAsync(file.Content, cancellationToken);
                if (content.Length > rules.MaxImageBytes)
                {
                    problems.Add(new FieldProblem(field, "The file is too large.", $"Send at most {rules.MaxImageBytes} bytes."));
                    break;
                }

                if (!content.AsSpan().StartsWith(Jpeg))
                {
                    problems.Add(new FieldProblem(field, "The file is not an image.", "Send JPEG, PNG or WebP."));
                }

                keys.Add(ObjectKeys.TrainingImage(user, upload, keys.Count).Key);
                hashes.Add(Convert.ToHexStringLower(SHA256.HashData(content)));
            }
        }
        catch
        {
            Uploads.TryRemove(upload, out _);
            throw;
        }

        if (problems.Count == 0)
        {
            return new StagingOutcome.Staged(upload, keys, hashes);
        }

        Uploads.TryRemove(upload, out _);
        return new StagingOutcome.Rejected(problems);
    }

    public Task DiscardAsync(Guid upload, CancellationToken cancellationToken)
    {
        Uploads.TryRemove(upload, out _);
        return Task.CompletedTask;
    }

    private async Task<byte[]> ReadAsync(Stream content, CancellationToken cancellationToken)
    {
        using MemoryStream kept = new();
        byte[] buffer = new byte[16 * 1024];
        int read;
        while (kept.Length <= rules.MaxImageBytes && (read = await content.ReadAsync(buffer, cancellationToken)) > 0)
        {
            kept.Write(buffer, 0, read);
            Interlocked.Add(ref bytesRead, read);
        }

        return kept.ToArray();
    }
}
