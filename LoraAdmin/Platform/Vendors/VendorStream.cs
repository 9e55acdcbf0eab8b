namespace LoraAdmin.Platform.Vendors;

/// <summary>
/// A body that is too large to be read whole, as it comes in: never more bytes than announced, fewer only by an <see cref="IOException"/>, within the time-out to
/// the last byte. Disposing it ends the response.
/// </summary>
/// <param name="length">What was announced; null: nothing was, and it ends where the connection does.</param>
/// <param name="what">What breaks off, as a message begins: <c>The range</c>.</param>
internal sealed class VendorStream(Stream inner, long? length, HttpResponseMessage response, VendorDeadline deadline, string what) : Stream
{
    private long done;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => length ?? throw new NotSupportedException();

    public override long Position
    {
        get => done;
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        long left = length - done ?? long.MaxValue;
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
            throw new IOException($"{what} broke off: {VendorHttp.Describe(failure, deadline)}", failure);
        }

        if (read == 0 && length is not null)
        {
            throw new EndOfStreamException($"{what} broke off: less was sent than announced");
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
