using System.Runtime.ExceptionServices;

namespace LoraAdmin.Training;

/// <summary>
/// One file on its way from a sender into storage: the bytes already looked at, then the rest, never more than the bound. Remembers whether the
/// sender sent too much or broke off, because storage reports both as its own failure.
/// </summary>
internal sealed class UploadStream(ReadOnlyMemory<byte> start, Stream rest, long maxBytes) : Stream
{
    private long given;

    /// <summary>The bound was passed; the rest of the content was not read.</summary>
    public bool IsTooLong { get; private set; }

    public ExceptionDispatchInfo? SenderFailure { get; private set; }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => given; set => throw new NotSupportedException(); }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (given < start.Length)
        {
            int count = Math.Min(buffer.Length, start.Length - (int)given);
            start.Slice((int)given, count).CopyTo(buffer);
            return Count(count);
        }

        int room = (int)Math.Min(buffer.Length, maxBytes + 1 - given);
        try
        {
            return Count(await rest.ReadAsync(buffer[..room], cancellationToken));
        }
        catch (IOException failure) when (!IsTooLong)
        {
            SenderFailure = ExceptionDispatchInfo.Capture(failure);
            throw;
        }
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException("Uploads are read asynchronously.");

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private int Count(int read)
    {
        given += read;
        if (given > maxBytes)
        {
            IsTooLong = true;
            throw new IOException($"The file is longer than {maxBytes} bytes.");
        }

        return read;
    }
}
