using System.Buffers;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using LoraAdmin.Domain.Training;
using LoraAdmin.Platform.Files;
using SkiaSharp;

namespace LoraAdmin.Training;

/// <summary>
/// Decodes with Skia's codecs. The kind comes from the file's own first bytes, the pixel bound is checked on the header, before pixels are made,
/// and rows are thrown away as they are decoded wherever the codec allows (JPEG and PNG), so that a big image costs its file, not its pixels.
/// At most two images are decoded at a time, and one that needs much memory is decoded alone.
/// </summary>
public sealed class SkiaImageInspector : IImageInspector, IDisposable
{
    private const int AtOnce = 2;
    private const long AlonePixels = 8_000_000;
    private const int FirstBufferBytes = 256 * 1024;
    private const int RowsAtOnce = 16;

    private readonly SemaphoreSlim slots = new(AtOnce, AtOnce);
    private readonly SemaphoreSlim alone = new(1, 1);

    public async Task<ImageVerdict> InspectAsync(Stream content, long maxBytes, long maxPixels, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(content);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxBytes);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(maxBytes, Array.MaxLength - 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxPixels);
        await slots.WaitAsync(cancellationToken);
        byte[] buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(FirstBufferBytes, maxBytes + 1));
        try
        {
            int length = 0;
            int read;
            while ((read = await content.ReadAsync(buffer.AsMemory(length, Room(buffer, length, maxBytes)), cancellationToken)) > 0)
            {
                length += read;
                if (length >= ImageSignatures.Length && ImageSignatures.Format(buffer.AsSpan(0, length)) is null)
                {
                    return Bad("It is not a JPEG, PNG or WebP image, whatever its name says.");
                }

                if (length > maxBytes)
                {
                    return Bad($"It is larger than {maxBytes / 1_000_000.0:0.##} MB.");
                }

                if (length == buffer.Length)
                {
                    byte[] larger = ArrayPool<byte>.Shared.Rent((int)Math.Min(buffer.Length * 2L, maxBytes + 1));
                    buffer.AsSpan(0, length).CopyTo(larger);
                    ArrayPool<byte>.Shared.Return(buffer);
                    buffer = larger;
                }
            }

            return await InspectBytesAsync(buffer, length, maxPixels, cancellationToken);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            slots.Release();
        }
    }

    public void Dispose()
    {
        slots.Dispose();
        alone.Dispose();
    }

    private static int Room(byte[] buffer, int length, long maxBytes) => (int)Math.Min(buffer.Length - length, maxBytes + 1 - length);

    private async Task<ImageVerdict> InspectBytesAsync(byte[] buffer, int length, long maxPixels, CancellationToken cancellationToken)
    {
        if (length == 0)
        {
            return Bad("It is empty.");
        }

        if (ImageSignatures.Format(buffer.AsSpan(0, length)) is not { } format)
        {
            return Bad("It is not a JPEG, PNG or WebP image, whatever its name says.");
        }

        GCHandle pin = GCHandle.Alloc(buffer, GCHandleType.Pinned);
        try
        {
            using SKData data = SKData.Create(pin.AddrOfPinnedObject(), length);
            using SKCodec? codec = SKCodec.Create(new SKMemoryStream(data), out SKCodecResult opened);
            if (codec is null)
            {
                return Bad(opened is SKCodecResult.IncompleteInput ? EndsEarly(format) : Damaged(format, opened));
            }

            (int width, int height) = (codec.Info.Width, codec.Info.Height);
            long pixels = (long)width * height;
            if (pixels > maxPixels)
            {
                return Bad(
                    $"It is {width} × {height} pixels, more than {maxPixels / 1_000_000.0:0.##} million in all.");
            }

            bool isLarge = pixels > AlonePixels;
            if (isLarge)
            {
                await alone.WaitAsync(cancellationToken);
            }

            try
            {
                SKCodecResult decoded = await Task.Run(() => Decode(codec), cancellationToken);
                if (decoded != SKCodecResult.Success)
                {
                    return Bad(decoded is SKCodecResult.IncompleteInput ? EndsEarly(format) : Damaged(format, decoded));
                }
            }
            finally
            {
                if (isLarge)
                {
                    alone.Release();
                }
            }

            string sha256 = Convert.ToHexStringLower(SHA256.HashData(buffer.AsSpan(0, length)));
            return new ImageVerdict.Good(format, width, height, length, sha256);
        }
        finally
        {
            pin.Free();
        }
    }

    private static SKCodecResult Decode(SKCodec codec)
    {
        SKImageInfo info = new(codec.Info.Width, codec.Info.Height, SKImageInfo.PlatformColorType, codec.Info.AlphaType);
        SKCodecResult byLines = codec.StartScanlineDecode(info);
        if (byLines == SKCodecResult.Success)
        {
            return DecodeLines(codec, info);
        }

        return codec.EncodedFormat == SKEncodedImageFormat.Png ? DecodeLastLine(codec, info) : DecodeWhole(codec, info);
    }

    private static SKCodecResult DecodeLines(SKCodec codec, SKImageInfo info)
    {
        using NativeRows rows = new(info, RowsAtOnce);
        for (int line = 0; line < info.Height; line += RowsAtOnce)
        {
            int wanted = Math.Min(RowsAtOnce, info.Height - line);
            if (codec.GetScanlines(rows.Address, wanted, info.RowBytes) != wanted)
            {
                return SKCodecResult.IncompleteInput;
            }
        }

        return SKCodecResult.Success;
    }

    // Skia's PNG codec decodes all lines down to the ones asked for and keeps only these: asking for the last one proves all.
    private static SKCodecResult DecodeLastLine(SKCodec codec, SKImageInfo info)
    {
        using NativeRows rows = new(info, 1);
        SKCodecOptions lastLine = new(new SKRectI(0, info.Height - 1, info.Width, info.Height));
        SKCodecResult started = codec.StartIncrementalDecode(info, rows.Address, info.RowBytes, lastLine);
        return started == SKCodecResult.Success ? codec.IncrementalDecode() : started;
    }

    private static SKCodecResult DecodeWhole(SKCodec codec, SKImageInfo info)
    {
        using NativeRows rows = new(info, info.Height);
        return codec.GetPixels(info, rows.Address);
    }

    private static ImageVerdict.Bad Bad(FormattableString reason) => new(reason.ToString(CultureInfo.InvariantCulture));

    private static ImageVerdict.Bad Bad(string reason) => new(reason);

    private static string EndsEarly(string format) => $"It ends early: part of the {format.ToUpperInvariant()} data is missing.";

    private static string Damaged(string format, SKCodecResult result) => $"Its {format.ToUpperInvariant()} data is damaged ({result}).";

    /// <summary>Pixels outside the managed heap, given back at once.</summary>
    private sealed class NativeRows(SKImageInfo info, int rows) : IDisposable
    {
        public nint Address { get; } = Marshal.AllocHGlobal(checked((nint)info.RowBytes * rows));

        public void Dispose() => Marshal.FreeHGlobal(Address);
    }
}
