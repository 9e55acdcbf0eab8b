using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Tests.Doubles;

/// <summary>Ids and secrets from a seed: the same run twice gives the same ids.</summary>
public sealed class SeededIds(int seed) : IIds
{
    private readonly Random random = new(seed);

    public Guid Next()
    {
        Span<byte> bytes = stackalloc byte[16];
        random.NextBytes(bytes);
        return new Guid(bytes);
    }

    public byte[] Secret(int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }
}
