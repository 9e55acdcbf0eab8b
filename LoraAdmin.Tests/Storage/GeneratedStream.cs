namespace LoraAdmin.Tests.Storage;

/// <summary>Content that is made while it is read, so that a big one costs no memory; may break off like a lost connection.</summary>
public sealed class GeneratedStream(long length, byte[]? start = null) : Stream
{
    public long BytesRead { get; private set; }

    /// <summary>Reading past this many bytes throws <see cref="IOException"/>.</summary>
    public long? BreaksAt { get; init; }

    /// <summary>Awaited before each read with the bytes that were read so far.</summary>
    public Func<long, Task>? OnRead { get; init; }

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => BytesRead; set => throw new NotSupportedException(); }

    public override int Read(byte[] buffer, int offset, int count) => Fill(buffer.AsSpan(offset, count));

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        await (OnRead?.Invoke(BytesRead) ?? Task.CompletedTask);
        cancellationToken.ThrowIfCancellationRequested();
        return Fill(buffer.Span);
    }

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private int Fill(Span<byte> buffer)
    {
        if (BytesRead >= BreaksAt)
        {
            throw new IOException("The connection was lost.");
        }

        int count = (int)Math.Min(buffer.Length, Math.Min(length, BreaksAt ?? long.MaxValue) - BytesRead);
        for (int index = 0; index < count; index++)
        {
            long position = BytesRead + index;
            buffer[index] = position < start?.Length ? start[position] : (byte)(position % 251);
        }

        BytesRead += count;
        return count;
    }
}
