using System.Net;
using LoraAdmin.Platform.Vendors;

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

/// <summary>
/// One range of the artifact as it comes in: never more bytes than announced, fewer only by an <see cref="IOException"/>, within the time-out to the last
/// byte. Disposing it ends the response.
/// </summary>
internal sealed class HttpPodAgentRangeStream(Stream inner, long length, HttpResponseMessage response, VendorDeadline deadline) : Stream
{
    private long done;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => length;

    public override long Position
    {
        get => done;
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        long left = length - done;
        if (left == 0 || buffer.Length == 0)
        {
            return 0;
        }

        cancellationToken.ThrowIfCancellationRequested();
        Memory<byte> room = buffer.Length > left ? buffer[..(int)left] : buffer;
        int read;
        try
        {
            using CancellationTokenSource? joined = cancellationToken.CanBeCanceled
                ? CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, deadline.Token)
                : null;
            read = await inner.ReadAsync(room, joined?.Token ?? deadline.Token);
        }
        catch (Exception failure) when (VendorHttp.IsOutside(failure))
        {
            cancellationToken.ThrowIfCancellationRequested();
            deadline.ThrowIfCallerGaveUp();
            throw new IOException($"The range broke off: {VendorHttp.Describe(failure, deadline)}", failure);
        }

        if (read == 0)
        {
            throw new EndOfStreamException("The range broke off: the agent sent less than it announced");
        }

        done += read;
        return read;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Read it asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
            response.Dispose();
            deadline.Dispose();
        }

        base.Dispose(disposing);
    }
}
