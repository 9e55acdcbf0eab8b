namespace LoraAdmin.Platform.Files;

/// <summary>The three image formats that the portal takes and shows, told apart by their first bytes and by nothing else.</summary>
public static class ImageSignatures
{
    /// <summary>How many bytes are enough to tell.</summary>
    public const int Length = 12;

    /// <returns><c>jpeg</c>, <c>png</c>, <c>webp</c>, or null when it is none of them.</returns>
    public static string? Format(ReadOnlySpan<byte> start)
    {
        if (start.StartsWith<byte>([0xFF, 0xD8, 0xFF]))
        {
            return "jpeg";
        }

        if (start.StartsWith(PngStart))
        {
            return "png";
        }

        return start.Length >= Length && start.StartsWith("RIFF"u8) && start[8..].StartsWith("WEBP"u8) ? "webp" : null;
    }

    /// <summary>The content type that such a file may be served with; <c>application/octet-stream</c> for everything else.</summary>
    public static string ContentType(ReadOnlySpan<byte> start) =>
        Format(start) is { } format ? $"image/{format}" : "application/octet-stream";

    private static ReadOnlySpan<byte> PngStart => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];
}
