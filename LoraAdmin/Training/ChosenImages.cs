using System.Runtime.CompilerServices;
using LoraAdmin.Domain.Training;
using Microsoft.AspNetCore.Components.Forms;

namespace LoraAdmin.Training;

/// <summary>One image that a person chose, and how far it is sent.</summary>
public sealed class ChosenImage(IBrowserFile file, string? thumbnail, string? problem)
{
    public IBrowserFile File { get; } = file;

    /// <summary>A <c>blob:</c> address made by the browser; null when there is none.</summary>
    public string? Thumbnail { get; } = thumbnail;

    /// <summary>Why it can't be sent as it is; null when nothing is known against it. The server decides.</summary>
    public string? Problem { get; } = problem;

    public long SentBytes { get; set; }

    public int Percent => File.Size == 0 ? 0 : (int)Math.Clamp(100 * SentBytes / File.Size, 0, 100);
}

/// <summary>Files of the dialog on their way to the server.</summary>
public static class ChosenImages
{
    public static readonly string[] ContentTypes = ["image/jpeg", "image/png", "image/webp"];

    /// <summary>What the browser can tell before anything is sent.</summary>
    public static string? ProblemOf(IBrowserFile file, TrainingRules rules)
    {
        ArgumentNullException.ThrowIfNull(file);
        ArgumentNullException.ThrowIfNull(rules);
        return file switch
        {
            { Size: 0 } => "The file is empty.",
            _ when file.Size > rules.MaxImageBytes => $"Larger than {Shell.Bytes.Text(rules.MaxImageBytes)}.",
            _ when !ContentTypes.Contains(file.ContentType, StringComparer.OrdinalIgnoreCase) => "Not a JPEG, PNG or WebP file.",
            _ => null,
        };
    }

    /// <summary>Opens one file after the other, so that memory stays flat whatever their number.</summary>
    public static async IAsyncEnumerable<StagedFile> SendAsync(
        IReadOnlyList<ChosenImage> images, long maxBytes, Action<ChosenImage> progressed, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (ChosenImage image in images)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await using Stream content = image.File.OpenReadStream(maxBytes, cancellationToken);
            await using CountedStream counted = new(content, read =>
            {
                image.SentBytes += read;
                progressed(image);
            });
            yield return new StagedFile(image.File.Name, counted);
        }
    }

    /// <summary>Tells how much was read.</summary>
    private sealed class CountedStream(Stream inner, Action<int> read) : Stream
    {
        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => inner.Length;

        public override long Position
        {
            get => inner.Position;
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int count = await inner.ReadAsync(buffer, cancellationToken);
            read(count);
            return count;
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Files of a browser are read asynchronously.");

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
