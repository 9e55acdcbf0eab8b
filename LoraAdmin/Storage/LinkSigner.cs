using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using LoraAdmin.Domain.Storage;

namespace LoraAdmin.Storage;

/// <summary>What a link that somebody opened turned out to be.</summary>
public enum LinkCheck
{
    Valid,

    /// <summary>It was ours, and its hour is over.</summary>
    Expired,

    /// <summary>We never made it, or somebody changed it.</summary>
    Tampered,
}

/// <summary>
/// Signs with HMAC-SHA256 over method, bucket, key and expiry, under a key that serves nothing else. The method signed is always GET: HEAD tells less
/// than GET and shares its links.
/// </summary>
/// <param name="signingKey">At least 32 bytes.</param>
/// <param name="baseUrl">Scheme, host and optional path of the portal as people reach it, or empty: then links start with <c>/</c>.</param>
/// <param name="lifetime">How long a link works, above zero and at most <see cref="MaxLifetime"/>.</param>
public sealed class LinkSigner(byte[] signingKey, Func<string> baseUrl, TimeSpan lifetime, TimeProvider clock) : ILinkSigner
{
    public const int MinimumKeyBytes = 32;
    public static readonly TimeSpan MaxLifetime = TimeSpan.FromHours(1);

    private readonly byte[] signingKey = signingKey is { Length: >= MinimumKeyBytes }
        ? signingKey
        : throw new ArgumentException($"The key must have at least {MinimumKeyBytes} bytes.", nameof(signingKey));

    public TimeSpan Lifetime { get; } = lifetime > TimeSpan.Zero && lifetime <= MaxLifetime
        ? lifetime
        : throw new ArgumentOutOfRangeException(nameof(lifetime), lifetime, $"A link works at most {MaxLifetime}.");

    public SignedLink Sign(ObjectRef target)
    {
        ArgumentNullException.ThrowIfNull(target);
        if (!ObjectKeys.IsValid(target.Key))
        {
            throw new ArgumentException($"\"{target.Key}\" is no object key.", nameof(target));
        }

        long expires = (clock.GetUtcNow() + Lifetime).ToUnixTimeSeconds();
        string path = string.Join('/', target.Key.Split('/').Select(Uri.EscapeDataString));
        string signature = Base64Url.EncodeToString(Mac(target, expires));
        string url = string.Create(
            CultureInfo.InvariantCulture,
            $"{baseUrl().TrimEnd('/')}/objects/{Uri.EscapeDataString(target.Bucket)}/{path}?expires={expires}&signature={signature}");
        return new SignedLink(url, DateTimeOffset.FromUnixTimeSeconds(expires));
    }

    /// <summary>Judges a link's parts as they came in; the signature is compared in constant time, and before the expiry is believed.</summary>
    public LinkCheck Check(ObjectRef target, string? expires, string? signature)
    {
        ArgumentNullException.ThrowIfNull(target);
        if (!long.TryParse(expires, NumberStyles.None, CultureInfo.InvariantCulture, out long until) || signature is not { Length: 43 })
        {
            return LinkCheck.Tampered;
        }

        Span<byte> given = stackalloc byte[HMACSHA256.HashSizeInBytes];
        if (!Base64Url.IsValid(signature) || !Base64Url.TryDecodeFromChars(signature, given, out int length) || length != given.Length)
        {
            return LinkCheck.Tampered;
        }

        if (!CryptographicOperations.FixedTimeEquals(given, Mac(target, until)))
        {
            return LinkCheck.Tampered;
        }

        return clock.GetUtcNow().ToUnixTimeSeconds() < until ? LinkCheck.Valid : LinkCheck.Expired;
    }

    // Each part carries its length, so that no two different links give the same text.
    private byte[] Mac(ObjectRef target, long expires) =>
        HMACSHA256.HashData(
            signingKey,
            Encoding.UTF8.GetBytes(string.Create(
                CultureInfo.InvariantCulture,
                $"object-link/1\nGET\n{target.Bucket.Length}:{target.Bucket}\n{target.Key.Length}:{target.Key}\n{expires}")));
}
