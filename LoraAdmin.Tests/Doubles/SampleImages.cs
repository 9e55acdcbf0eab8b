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
    /// <param name="isInterlaced">Written in Adam7's seven passes.</param>
    public static byte[] PlainPng(int width, int height, byte color = 0, bool isInterlaced = false)
    {
        int channels = color switch { 0 => 1, 2 => 3, _ => 4 };
        using MemoryStream file = new();
        file.Write([0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A]);
        byte[] header = new byte[13];
        BinaryPrimitives.WriteInt32BigEndian(header, width);
        BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4), height);
        header[8] = 8;
        header[9] = color;
        header[12] = isInterlaced ? (byte)1 : (byte)0;
        WriteChunk(file, "IHDR", header);
        using (MemoryStream packed = new())
        {
            using (ZLibStream zlib = new(packed, CompressionLevel.Fastest, leaveOpen: true))
            {
                foreach ((int columns, int lines) in isInterlaced ? Adam7(width, height) : [(width, height)])
                {
                    byte[] row = new byte[1 + (columns * channels)];
                    for (int line = 0; line < lines && columns > 0; line++)
                    {
                        zlib.Write(row);
                    }
                }
            }

            WriteChunk(file, "IDAT", packed.ToArray());
        }

        WriteChunk(file, "IEND", []);
        return file.ToArray();
    }

    private static IEnumerable<(int Columns, int Lines)> Adam7(int width, int height)
    {
        (int X, int Y, int StepX, int StepY)[] passes =
            [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)];
        return passes.Select(pass => ((width - pass.X + pass.StepX - 1) / pass.StepX, (height - pass.Y + pass.StepY - 1) / pass.StepY));
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
