using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using LoraAdmin.Domain.Shared;

namespace LoraAdmin.Access;

/// <summary>Secrets that people and systems carry. Only their SHA-256 is ever stored.</summary>
internal static class Secrets
{
    /// <summary>256 bits, safe in URLs.</summary>
    public static string New(IIds ids) => Base64Url.EncodeToString(ids.Secret(32));

    /// <summary>64 lower-case hex digits. A plain hash suffices: the secrets have full entropy, there is nothing to guess.</summary>
    public static string Hash(string secret) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(secret)));
}
