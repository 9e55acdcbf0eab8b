using SkiaSharp;

namespace LoraAdmin.Platform.LocalCloud;

/// <summary>Validation images: a colour gradient with a few shapes, another for each job and number, as a real JPEG.</summary>
public static class ValidationPictures
{
    private const int Quality = 88;

    /// <param name="seed">Of the pod's file (<see cref="ArtifactLayout.SeedOf"/>).</param>
    /// <param name="number">From 0.</param>
    public static byte[] Draw(ulong seed, int number, int pixels)
    {
        Random random = For(seed, number);
        using SKBitmap bitmap = new(new SKImageInfo(pixels, pixels, SKColorType.Rgba8888, SKAlphaType.Opaque));
        using SKCanvas canvas = new(bitmap);
        using SKPaint paint = new() { IsAntialias = true };
        SKColor[] colors = [Colour(random, 0.55f), Colour(random, 0.35f)];
        using (SKShader shader = SKShader.CreateLinearGradient(new SKPoint(0, 0), new SKPoint(pixels, pixels), colors, SKShaderTileMode.Clamp))
        {
            paint.Shader = shader;
            canvas.DrawRect(0, 0, pixels, pixels, paint);
            paint.Shader = null;
        }

        for (int i = 0; i < 6; i++)
        {
            paint.Color = Colour(random, 0.7f).WithAlpha(170);
            float x = random.NextSingle() * pixels;
            float y = random.NextSingle() * pixels;
            float size = pixels * (0.08f + (random.NextSingle() * 0.16f));
            if (i % 2 == 0)
            {
                canvas.DrawCircle(x, y, size, paint);
            }
            else
            {
                canvas.DrawRoundRect(x - size, y - size, size * 2, size, size / 4, size / 4, paint);
            }
        }

        using SKImage image = SKImage.FromBitmap(bitmap);
        using SKData data = image.Encode(SKEncodedImageFormat.Jpeg, Quality);
        return data.ToArray();
    }

    /// <summary>From 0.70 to 0.99; of images that came out badly from 0.25 to 0.54.</summary>
    public static double Score(ulong seed, int number, bool bad = false) =>
        Math.Round((bad ? 0.25 : 0.70) + (For(seed, number + 1_000_000).NextDouble() * 0.29), 4);

    private static Random For(ulong seed, int number) => new(HashOf(seed, number));

    private static int HashOf(ulong seed, int number) => unchecked((int)(seed ^ (seed >> 32)) * 31) + (number * 7919);

    private static SKColor Colour(Random random, float lightness) => SKColor.FromHsl(random.NextSingle() * 360, 60, lightness * 100);
}
