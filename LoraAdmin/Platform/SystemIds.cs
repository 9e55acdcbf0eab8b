using System.Security.Cryptography;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Platform;

/// <summary>Ids by the portal's clock and secrets from the operating system.</summary>
public sealed class SystemIds(TimeProvider clock) : IIds
{
#pragma warning disable RS0030 // The one place where ids are really made.
    public Guid Next() => Guid.CreateVersion7(clock.GetUtcNow());
#pragma warning restore RS0030

    public byte[] Secret(int length)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, 1024);
        return RandomNumberGenerator.GetBytes(length);
    }
}
