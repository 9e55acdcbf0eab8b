using System.Globalization;
using System.Text;

namespace LoraAdmin.Domain.Storage;

/// <param name="Path">As the archive says it; never used as a place to write to.</param>
internal sealed record TarFile(string Path, long SizeBytes);

/// <summary>A rule that the archive breaks: it is refused whole.</summary>
internal sealed class TarRefusedException(string message) : Exception(message);

/// <summary>
/// Walks a tar forwards (ustar, pax and GNU names) and shows its files alone. What could reach beyond itself is refused: paths that climb or are absolute,
/// links, devices, sparse files; so is what declares more than <paramref name="maxFileBytes"/> for one file or <paramref name="maxTotalBytes"/> in all. Takes
/// memory for one block and for a name (docs/decisions/0046).
/// </summary>
internal sealed class TarEntries(Stream content, long maxFileBytes, long maxTotalBytes)
{
    public const int BlockBytes = 512;

    private const int MaxEntries = 10_000;
    private const int MaxNameBytes = 64 * 1024;
    private const int ChecksumAt = 148;

    private readonly byte[] block = new byte[BlockBytes];
    private readonly byte[] skipped = new byte[16 * 1024];
    private long total;
    private int entries;
    private long padding;
    private long left;

    /// <summary>Whether the first block of something begins a tar.</summary>
    public static bool IsStart(ReadOnlySpan<byte> start) => start.Length == BlockBytes && HasItsChecksum(start);

    /// <summary>The next file; null at the end. What was not read of the file before is passed over.</summary>
    /// <exception cref="TarRefusedException">The archive breaks a rule.</exception>
    /// <exception cref="IOException">It breaks off, or can't be read.</exception>
    public async Task<TarFile?> NextAsync(CancellationToken cancellationToken)
    {
        await PassCurrentAsync(cancellationToken);
        string? longName = null;
        Dictionary<string, string> pax = [];
        while (await ReadBlockAsync(cancellationToken))
        {
            if (++entries > MaxEntries)
            {
                throw new TarRefusedException($"The archive has more than {MaxEntries} entries.");
            }

            char type = (char)block[156];
            string path = longName ?? pax.GetValueOrDefault("path") ?? NameIn(block);
            long size = pax.TryGetValue("size", out string? told) ? SizeIn(told) : SizeIn(block.AsSpan(124, 12));
            switch (type)
            {
                case 'L':
                    longName = Encoding.UTF8.GetString(await ReadSmallAsync(size, cancellationToken)).TrimEnd('\0');
                    continue;

                case 'x':
                    pax = RecordsIn(await ReadSmallAsync(size, cancellationToken));
                    continue;

                case 'g':
                    // What it says of all files is never their names or sizes.
                    await ReadSmallAsync(size, cancellationToken);
                    continue;

                case '0' or '\0' or '7':
                    CheckPath(path);
                    Take(path, size);
                    left = size;
                    padding = Padded(size) - size;
                    return new TarFile(path, size);

                case '5':
                    CheckPath(path);
                    Take(path, size);
                    await PassAsync(Padded(size), cancellationToken);
                    longName = null;
                    pax = [];
                    continue;

                default:
                    throw new TarRefusedException($"\"{Shown(path)}\" is {WhatIs(type)}; only files and folders are taken.");
            }
        }

        return null;
    }

    /// <summary>The content of the file that <see cref="NextAsync"/> showed last; throws an <see cref="IOException"/> where the archive breaks off.</summary>
    public Stream OpenCurrent() => new EntryStream(this);

    private static string WhatIs(char type) => type switch
    {
        '1' or '2' => "a link",
        '3' or '4' or '6' => "a device",
        'S' => "a sparse file",
        _ => "of a kind that is not known",
    };

    private static long Padded(long size) => (size + BlockBytes - 1) / BlockBytes * BlockBytes;

    private static string Shown(string text) => text.Length <= 80 ? text : $"{text.AsSpan(0, 80)}…";

    private static bool HasItsChecksum(ReadOnlySpan<byte> header)
    {
        long sum = 0;
        for (int at = 0; at < header.Length; at++)
        {
            sum += at is >= ChecksumAt and < ChecksumAt + 8 ? ' ' : header[at];
        }

        return TryOctal(header.Slice(ChecksumAt, 8), out long told) && told == sum;
    }

    private static string NameIn(ReadOnlySpan<byte> header)
    {
        string name = Text(header[..100]);
        string prefix = header.Slice(257, 6).SequenceEqual("ustar\0"u8) ? Text(header.Slice(345, 155)) : "";
        return prefix.Length > 0 ? $"{prefix}/{name}" : name;
    }

    private static string Text(ReadOnlySpan<byte> field)
    {
        int end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    private static bool TryOctal(ReadOnlySpan<byte> field, out long value)
    {
        value = 0;
        string digits = Encoding.ASCII.GetString(field).Trim(' ', '\0');
        foreach (char digit in digits)
        {
            if (digit is < '0' or > '7' || value > long.MaxValue >> 3)
            {
                return false;
            }

            value = (value << 3) | (uint)(digit - '0');
        }

        return digits.Length > 0;
    }

    private static long SizeIn(ReadOnlySpan<byte> field)
    {
        if ((field[0] & 0x80) == 0)
        {
            return TryOctal(field, out long size) ? size : throw new TarRefusedException("A size in the archive is no number.");
        }

        // GNU's way to write a size that the octal digits can't hold.
        long large = field[0] & 0x7F;
        foreach (byte one in field[1..])
        {
            if (large > long.MaxValue >> 8)
            {
                throw new TarRefusedException("A size in the archive is larger than any file.");
            }

            large = (large << 8) | one;
        }

        return large;
    }

    private static long SizeIn(string text) =>
        long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out long size) ? size : throw new TarRefusedException("A size in the archive is no number.");

    /// <summary>Records of the form <c>length key=value\n</c>, the length counting all of it.</summary>
    private static Dictionary<string, string> RecordsIn(ReadOnlySpan<byte> bytes)
    {
        Dictionary<string, string> records = [];
        while (bytes.Length > 0 && bytes[0] != 0)
        {
            int space = bytes.IndexOf((byte)' ');
            if (space <= 0 || !int.TryParse(bytes[..space], NumberStyles.None, CultureInfo.InvariantCulture, out int length)
                || length <= space + 1 || length > bytes.Length || bytes[length - 1] != (byte)'\n')
            {
                throw new TarRefusedException("A pax record of the archive can't be read.");
            }

            string record = Encoding.UTF8.GetString(bytes[(space + 1)..(length - 1)]);
            int equals = record.IndexOf('=', StringComparison.Ordinal);
            string key = equals < 0 ? record : record[..equals];
            if (key.StartsWith("GNU.sparse", StringComparison.Ordinal))
            {
                throw new TarRefusedException("The archive holds a sparse file; only files and folders are taken.");
            }

            records[key] = equals < 0 ? "" : record[(equals + 1)..];
            bytes = bytes[length..];
        }

        return records;
    }

    private static void CheckPath(string path)
    {
        string[] parts = path.Split('/');
        bool bad = path.Length == 0 || path[0] == '/' || parts.Contains("..") || path.Any(static one => one is '\\' or ':' || char.IsControl(one));
        if (bad)
        {
            throw new TarRefusedException($"The path \"{Shown(new string([.. path.Select(static one => char.IsControl(one) ? '?' : one)]))}\" leaves the archive's own folder.");
        }
    }

    private void Take(string path, long size)
    {
        if (size > maxFileBytes)
        {
            throw new TarRefusedException($"\"{Shown(path)}\" declares {size} bytes; at most {maxFileBytes} are taken.");
        }

        total += size;
        if (total > maxTotalBytes)
        {
            throw new TarRefusedException($"The archive declares more than {maxTotalBytes} bytes in all.");
        }
    }

    private async Task<byte[]> ReadSmallAsync(long size, CancellationToken cancellationToken)
    {
        if (size > MaxNameBytes)
        {
            throw new TarRefusedException($"A header of the archive declares {size} bytes; at most {MaxNameBytes} are taken.");
        }

        byte[] bytes = new byte[size];
        await content.ReadExactlyAsync(bytes, cancellationToken);
        await PassAsync(Padded(size) - size, cancellationToken);
        return bytes;
    }

    /// <returns>False at the end: a block of zeros, or no more bytes.</returns>
    private async Task<bool> ReadBlockAsync(CancellationToken cancellationToken)
    {
        int read = await content.ReadAtLeastAsync(block, block.Length, throwOnEndOfStream: false, cancellationToken);
        if (read == 0 && entries == 0)
        {
            throw new TarRefusedException("The archive is empty.");
        }

        if (read < block.Length)
        {
            throw new EndOfStreamException("The archive breaks off before its end.");
        }

        return block.AsSpan().ContainsAnyExcept((byte)0)
            && (HasItsChecksum(block) ? true : throw new TarRefusedException("A header of the archive is damaged."));
    }

    private async Task PassCurrentAsync(CancellationToken cancellationToken)
    {
        await PassAsync(left + padding, cancellationToken);
        left = 0;
        padding = 0;
    }

    private async Task PassAsync(long bytes, CancellationToken cancellationToken)
    {
        while (bytes > 0)
        {
            int read = await content.ReadAsync(skipped.AsMemory(0, (int)Math.Min(skipped.Length, bytes)), cancellationToken);
            if (read == 0)
            {
                throw new EndOfStreamException("The archive breaks off before its end.");
            }

            bytes -= read;
        }
    }

    private async ValueTask<int> ReadCurrentAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (left == 0 || buffer.Length == 0)
        {
            return 0;
        }

        int read = await content.ReadAsync(buffer[..(int)Math.Min(buffer.Length, left)], cancellationToken);
        left -= read;
        return read > 0 ? read : throw new EndOfStreamException("The archive breaks off within a file.");
    }

    /// <summary>The file that is shown.</summary>
    private sealed class EntryStream(TarEntries entries) : ForwardStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            entries.ReadCurrentAsync(buffer, cancellationToken);
    }
}
