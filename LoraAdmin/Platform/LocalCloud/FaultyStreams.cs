namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Reads another stream forwards, once, and owns it.</summary>
public abstract class FaultyStream(Stream inner) : Stream
{
    private long position;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => inner.Length;

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        int read = inner.Read(buffer[..(int)Math.Min(buffer.Length, Left(position))]);
        return Seen(buffer[..read]);
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int read = await inner.ReadAsync(buffer[..(int)Math.Min(buffer.Length, Left(position))], cancellationToken);
        return Seen(buffer.Span[..read]);
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <summary>How many more bytes may be read at this position.</summary>
    protected virtual long Left(long position) => long.MaxValue;

    /// <summary>Changes bytes that stand at this position.</summary>
    protected virtual void Change(long position, Span<byte> bytes)
    {
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private int Seen(Span<byte> bytes)
    {
        Change(position, bytes);
        position += bytes.Length;
        return bytes.Length;
    }
}

/// <summary>Another content of the same length: each bit of some bytes is turned round.</summary>
public sealed class AlteredStream(Stream inner, long from, long count) : FaultyStream(inner)
{
    protected override void Change(long position, Span<byte> bytes)
    {
        for (long at = Math.Max(from, position); at < Math.Min(from + count, position + bytes.Length); at++)
        {
            bytes[(int)(at - position)] ^= 0xFF;
        }
    }
}

/// <summary>Says its whole length and ends before it.</summary>
public sealed class BrokenStream(Stream inner, long after) : FaultyStream(inner)
{
    protected override long Left(long position) => after - position;
}
