using System.Security.Cryptography;
using System.Text;

namespace LoraAdmin.Domain.Training;

/// <summary>Tells whether two requests under one idempotency key say the same.</summary>
public static class RequestHash
{
    /// <summary>SHA-256 in hexadecimal digits over the parts in their order. No two lists of parts run together to the same bytes.</summary>
    public static string Of(IEnumerable<string?> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (string? part in parts)
        {
            // Each part is preceded by its length (-1: absent).
            byte[] bytes = part is null ? [] : Encoding.UTF8.GetBytes(part);
            hash.AppendData(BitConverter.GetBytes(part is null ? -1 : bytes.Length));
            hash.AppendData(bytes);
        }

        return Convert.ToHexStringLower(hash.GetCurrentHash());
    }
}
