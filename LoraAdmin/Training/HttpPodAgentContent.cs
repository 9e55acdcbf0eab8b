using System.Net;

namespace LoraAdmin.Training;

/// <summary>Sends exactly the announced number of bytes of a stream that stays the caller's.</summary>
internal sealed class HttpPodAgentUpload : HttpContent
{
    private readonly Stream source;
    private readonly long length;

    public HttpPodAgentUpload(Stream source, long length)
    {
        this.source = source;
        this.length = length;
        Headers.ContentLength = length;
    }

    /// <summary>Why our own stream could not be read: nothing that the agent did.</summary>
    public string? SourceProblem { get; private set; }

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
        SerializeToStreamAsync(stream, context, CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[64 * 1024];
        long left = length;
        while (left > 0)
        {
            int read = await ReadSourceAsync(buffer.AsMemory(0, (int)Math.Min(buffer.Length, left)), cancellationToken);
            await stream.WriteAsync(buffer.AsMemory(0, read), cancellationToken);
            left -= read;
        }
    }

    /// <summary>In-memory handlers may read a body without awaiting.</summary>
    protected override void SerializeToStream(Stream stream, TransportContext? context, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[64 * 1024];
        long left = length;
        while (left > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int read;
            try
            {
                read = Whole(source.Read(buffer, 0, (int)Math.Min(buffer.Length, left)));
            }
            catch (Exception failure) when (IsSourceFailure(failure))
            {
                throw SourceFailed(failure);
            }

            stream.Write(buffer, 0, read);
            left -= read;
        }
    }

    protected override bool TryComputeLength(out long length)
    {
        length = this.length;
        return true;
    }

    private static bool IsSourceFailure(Exception failure) => failure is IOException or ObjectDisposedException or NotSupportedException;

    private static int Whole(int read) => read > 0 ? read : throw new EndOfStreamException("the image is shorter than its noted size");

    private async ValueTask<int> ReadSourceAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        try
        {
            return Whole(await source.ReadAsync(buffer, cancellationToken));
        }
        catch (Exception failure) when (IsSourceFailure(failure))
        {
            throw SourceFailed(failure);
        }
    }

    private IOException SourceFailed(Exception failure)
    {
        SourceProblem = failure is EndOfStreamException ? failure.Message : "the image could not be read";
        return new IOException(SourceProblem, failure);
    }
}
