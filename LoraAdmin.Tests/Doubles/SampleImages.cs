using System.Buffers.Binary;
using System.IO.Compression;
using SkiaSharp;

namespace LoraAdmin.Tests.Doubles;

/// <summary>Real image files made in code: good ones, and ones that are broken in a definite way.</summary>
public static class SampleImages
{
    public static byte[] Jpeg(int width = 320, int height = 240, int seed = 1) => Encode(SKEncodedImageFormat.Jpeg, width, height, seed);

    public static byte[] Png(int width = 320, int height = 240, int seed = 1) => Encode(SKEncodedImageFormat.Png, width, height, seed);

    public static byte[] Webp(int width = 320, int height = 240, int seed = 1) => Encode(SKEncodedImageFormat.Webp, width, height, seed);

    public static byte[] Encode(SKEncodedImageFormat format, int width, int height, int seed, int quality = 85)
    {
        using SKBitmap bitmap = new(width, height);
        using (SKCanvas canvas = new(bitmap))
        {
            canvas.Clear(new SKColor((byte)(seed * 37), (byte)(seed * 91), (byte)(seed * 53)));
            Random random = new(seed);
            using SKPaint paint = new();
            for (int shape = 0; shape < 60; shape++)
            {
                paint.Color = new SKColor((byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(256), (byte)random.Next(128, 256));
                canvas.DrawCircle(random.Next(width), random.Next(height), random.Next(1, Math.Max(2, width / 6)), paint);
            }
        }

        using SKData data = bitmap.Encode(format, quality);
        return data.ToArray();
    }

    /// <summary>The same file with its end missing.</summary>
    public static byte[] Truncated(byte[] image, double kept = 0.6) => image[..(int)(image.Length * kept)];

    /// <summary>
    /// A PNG whose pixels are all one colour, written row by row: few bytes that unfold to <paramref name="width"/> × <paramref name="height"/> pixels.
    /// </summary>
    /// <param name="color">PNG colour type: 0 grey, 2 RGB, 6 RGBA.</param>
    public static byte[] PlainPng(int width, int height, byte color = 0)
    {
        int channels = color switch { 0 => 1, 2 => 3, _ => 4 };
        using MemoryStream file = new();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        header[9] = color;
        WriteChunk(file, "IHDR", header);
        using (MemoryStream packed = new())
        {
            using (ZLibStream zlib = new(packed, CompressionLevel.Fastest, leaveOpen: true))
            {
                byte[] row = new byte[1 + (width * channels)];
                for (int line = 0; line < height; line++)
                {
                    zlib.Write(row);
                }
            }

            WriteChunk(file, "IDAT", packed.ToArray());
        }

        WriteChunk(file, "IEND", []);
        return file.ToArray();
    }

    private static void WriteChunk(Stream file, string type, byte[] data)
    {
        byte[] body = [.. type.Select(letter => (byte)letter), .. data];
        byte[] number = new byte[4];
        BinaryPrimitives.WriteInt32BigEndian(number, data.Length);
        file.Write(number);
        file.Write(body);
        BinaryPrimitives.WriteUInt32BigEndian(number, Crc32(body));
        file.Write(number);
    }

    private static uint Crc32(byte[] bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) == 0 ? crc >> 1 : (crc >> 1) ^ 0xEDB88320;
            }
        }

        return ~crc;
    }
}
