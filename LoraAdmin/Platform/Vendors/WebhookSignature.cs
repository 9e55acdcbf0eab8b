using System.Buffers.Text;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace LoraAdmin.Platform.Vendors;

/// <summary>What the signature of a webhook turned out to be.</summary>
public enum WebhookCheck
{
    Valid,

    /// <summary>A header is missing or can't be read, or the secret is none.</summary>
    NotSigned,

    /// <summary>Signed longer ago, or further ahead, than <see cref="WebhookSignature.Tolerance"/>: it may be somebody's copy.</summary>
    Stale,

    /// <summary>Another secret, or another body.</summary>
    Wrong,
}

/// <summary>
/// Signatures of webhooks by Standard Webhooks 1.0.0: HMAC-SHA256 over <c>id.timestamp.body</c>. Written here because the time that a signature is judged
/// by must be the portal's own clock (docs/decisions/0045).
/// </summary>
public static class WebhookSignature
{
    public const string IdHeader = "webhook-id";
    public const string TimestampHeader = "webhook-timestamp";
    public const string SignatureHeader = "webhook-signature";

    public const string SecretPrefix = "whsec_";
    private const string Version = "v1,";

    /// <summary>Nobody signs with more than two keys at a time.</summary>
    private const int MaxSignatures = 10;

    public static readonly TimeSpan Tolerance = TimeSpan.FromMinutes(5);

    /// <summary>One entry of the signature header.</summary>
    /// <param name="secret"><c>whsec_</c> and base64.</param>
    /// <exception cref="FormatException">The secret is none.</exception>
    public static string Sign(string secret, string id, DateTimeOffset at, ReadOnlySpan<byte> body) =>
        Version + Convert.ToBase64String(Mac(KeyOf(secret) ?? throw new FormatException("The webhook secret is no whsec_ with base64."), id, Seconds(at), body));

    /// <summary>Whether the text is a secret that signatures can be checked by.</summary>
    public static bool IsSecret(string secret) => KeyOf(secret) is not null;

    /// <summary>Judges what came in, in constant time for each signature; the timestamp is believed only when it is signed.</summary>
    public static WebhookCheck Check(
        string secret, string? id, string? timestamp, string? signatures, ReadOnlySpan<byte> body, DateTimeOffset now)
    {
        if (KeyOf(secret) is not { } key || string.IsNullOrEmpty(id) || string.IsNullOrEmpty(signatures)
            || !long.TryParse(timestamp, NumberStyles.None, CultureInfo.InvariantCulture, out long at))
        {
            return WebhookCheck.NotSigned;
        }

        byte[] expected = Mac(key, id, at, body);
        bool valid = false;
        foreach (string signature in signatures.Split(' ', StringSplitOptions.RemoveEmptyEntries).Take(MaxSignatures))
        {
            valid |= signature.StartsWith(Version, StringComparison.Ordinal)
                && Decode(signature[Version.Length..]) is { } given
                && CryptographicOperations.FixedTimeEquals(given, expected);
        }

        return !valid ? WebhookCheck.Wrong
            : Math.Abs(Seconds(now) - at) > Tolerance.TotalSeconds ? WebhookCheck.Stale
            : WebhookCheck.Valid;
    }

    private static long Seconds(DateTimeOffset at) => at.ToUnixTimeSeconds();

    private static byte[]? KeyOf(string secret) =>
        secret.StartsWith(SecretPrefix, StringComparison.Ordinal) && Decode(secret[SecretPrefix.Length..]) is { Length: > 0 } key ? key : null;

    private static byte[]? Decode(string text)
    {
        byte[] bytes = new byte[Base64.GetMaxDecodedFromUtf8Length(text.Length)];
        return Convert.TryFromBase64String(text, bytes, out int length) ? bytes[..length] : null;
    }

    private static byte[] Mac(byte[] key, string id, long at, ReadOnlySpan<byte> body)
    {
        using IncrementalHash mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, key);
        mac.AppendData(Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{at}.")));
        mac.AppendData(body);
        return mac.GetHashAndReset();
    }
}
