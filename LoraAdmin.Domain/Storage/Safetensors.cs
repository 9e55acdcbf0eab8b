using System.Buffers.Binary;

namespace LoraAdmin.Domain.Storage;

/// <summary>Whether a file is a safetensors file with LoRA tensors in it.</summary>
public abstract record SafetensorsVerdict
{
    private SafetensorsVerdict()
    {
    }

    /// <param name="Tensors">All tensors of the file.</param>
    /// <param name="LoraTensors">Those of them whose names are a LoRA's; at least one.</param>
    public sealed record Good(int Tensors, int LoraTensors) : SafetensorsVerdict;

    /// <param name="Reason">One sentence that says what breaks the format and where.</param>
    public sealed record Bad(string Reason) : SafetensorsVerdict;
}

/// <summary>
/// Checks the layout that the safetensors format prescribes (8 bytes little-endian header length, a JSON header, then the tensors' bytes without
/// gap or overlap). Reads the header only, in memory bounded by <see cref="MaxHeaderBytes"/>; the tensors' values are proven by the file's hash.
/// </summary>
public static class Safetensors
{
    /// <summary>25 MB: the format's own reader allows 100 MB, a LoRA's header is a few hundred kB.</summary>
    public const int MaxHeaderBytes = 25_000_000;

    /// <summary>More than any LoRA has by two orders of magnitude; bounds what a hostile header costs.</summary>
    public const int MaxTensors = 100_000;

    private const int LengthBytes = 8;

    /// <param name="content">Positioned at the file's start; left after the header.</param>
    /// <param name="totalBytes">Length of the whole file.</param>
    /// <exception cref="IOException">The stream could not be read, which says nothing about the file.</exception>
    public static SafetensorsVerdict Check(Stream content, long totalBytes)
    {
        ArgumentNullException.ThrowIfNull(content);
        byte[] length = new byte[LengthBytes];
        int read = content.ReadAtLeast(length, length.Length, throwOnEndOfStream: false);
        if (HeaderLength(length.AsSpan(0, read), totalBytes, out int headerBytes) is { } bad)
        {
            return bad;
        }

        byte[] header = new byte[headerBytes];
        return content.ReadAtLeast(header, headerBytes, throwOnEndOfStream: false) == headerBytes
            ? CheckHeader(header, totalBytes - LengthBytes - headerBytes)
            : new SafetensorsVerdict.Bad("The file ends within its header.");
    }

    /// <inheritdoc cref="Check"/>
    public static async Task<SafetensorsVerdict> CheckAsync(Stream content, long totalBytes, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        byte[] length = new byte[LengthBytes];
        int read = await content.ReadAtLeastAsync(length, length.Length, throwOnEndOfStream: false, cancellationToken);
        if (HeaderLength(length.AsSpan(0, read), totalBytes, out int headerBytes) is { } bad)
        {
            return bad;
        }

        byte[] header = new byte[headerBytes];
        return await content.ReadAtLeastAsync(header, headerBytes, throwOnEndOfStream: false, cancellationToken) == headerBytes
            ? CheckHeader(header, totalBytes - LengthBytes - headerBytes)
            : new SafetensorsVerdict.Bad("The file ends within its header.");
    }

    /// <param name="header">The JSON header alone.</param>
    /// <param name="dataBytes">How many bytes follow it.</param>
    public static SafetensorsVerdict CheckHeader(ReadOnlySpan<byte> header, long dataBytes) => SafetensorsHeader.Check(header, dataBytes);

    private static SafetensorsVerdict.Bad? HeaderLength(ReadOnlySpan<byte> start, long totalBytes, out int headerBytes)
    {
        headerBytes = 0;
        if (start.Length < LengthBytes || totalBytes < LengthBytes)
        {
            return new SafetensorsVerdict.Bad("The file is shorter than the 8 bytes that give its header's length.");
        }

        ulong declared = BinaryPrimitives.ReadUInt64LittleEndian(start);
        if (declared > MaxHeaderBytes)
        {
            return new SafetensorsVerdict.Bad($"The header's length is given as {declared} bytes, more than {MaxHeaderBytes}.");
        }

        if ((long)declared > totalBytes - LengthBytes)
        {
            return new SafetensorsVerdict.Bad($"The header's length is given as {declared} bytes, more than the file holds.");
        }

        headerBytes = (int)declared;
        return null;
    }
}
