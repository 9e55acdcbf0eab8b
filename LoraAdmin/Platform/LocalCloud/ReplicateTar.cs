using System.Text;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>The tar in which some trainers hand over their weights: a folder, the trainer's configuration, the file.</summary>
internal static class ReplicateTar
{
    private const int Block = 512;
    private const int ChecksumAt = 148;
    private const string Folder = "output/lora/";

    /// <summary>The whole tar, made while it is read.</summary>
    public static Stream Around(Stream weights)
    {
        byte[] settings = Encoding.UTF8.GetBytes("job: extension\nprocess:\n  - type: sd_trainer\n");
        int padding = (int)(Padded(weights.Length) - weights.Length);
        return new JoinedStream(
            [
                Piece([.. Header(Folder, 0, '5'), .. Header($"{Folder}config.yaml", settings.Length, '0'), .. settings, .. new byte[Padded(settings.Length) - settings.Length]]),
                Piece(Header($"{Folder}lora.safetensors", weights.Length, '0')),
                weights,
                Piece(new byte[padding + (2 * Block)]),
            ]);
    }

    private static MemoryStream Piece(byte[] bytes) => new(bytes, writable: false);

    private static long Padded(long length) => (length + Block - 1) / Block * Block;

    private static byte[] Header(string name, long size, char type)
    {
        byte[] header = new byte[Block];
        Encoding.ASCII.GetBytes(name, header.AsSpan(0, 100));
        Octal(header.AsSpan(100, 8), type == '5' ? 0x1ED : 0x1A4);
        Octal(header.AsSpan(108, 8), 0);
        Octal(header.AsSpan(116, 8), 0);
        Octal(header.AsSpan(124, 12), size);
        Octal(header.AsSpan(136, 12), 0);
        header.AsSpan(ChecksumAt, 8).Fill((byte)' ');
        header[156] = (byte)type;
        "ustar\000"u8.CopyTo(header.AsSpan(257));
        Octal(header.AsSpan(ChecksumAt, 7), header.Sum(static one => one));
        return header;
    }

    private static void Octal(Span<byte> field, long value) =>
        Encoding.ASCII.GetBytes(Convert.ToString(value, 8).PadLeft(field.Length - 1, '0'), field);
}

/// <summary>Streams of known lengths one after the other; owns them.</summary>
internal sealed class JoinedStream(IReadOnlyList<Stream> parts) : Stream
{
    private long position;
    private int part;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length { get; } = parts.Sum(static one => one.Length);

    public override long Position
    {
        get => position;
        set => throw new NotSupportedException();
    }

    public override int Read(Span<byte> buffer)
    {
        for (; part < parts.Count; part++)
        {
            int read = parts[part].Read(buffer);
            if (read > 0)
            {
                position += read;
                return read;
            }
        }

        return 0;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        Task.FromResult(Read(buffer.AsSpan(offset, count)));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Read(buffer.Span));

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
            foreach (Stream one in parts)
            {
                one.Dispose();
            }
        }

        base.Dispose(disposing);
    }
}
