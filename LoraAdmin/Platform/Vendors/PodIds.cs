namespace LoraAdmin.Platform.Vendors;

/// <summary>The shape of a pod id, checked before it enters a URL and at every parser.</summary>
public static class PodIds
{
    /// <summary><c>^[a-z0-9]{4,64}$</c></summary>
    public static bool IsValid(string? id)
    {
        if (id is not { Length: >= 4 and <= 64 })
        {
            return false;
        }

        foreach (char c in id)
        {
            if (c is not ((>= 'a' and <= 'z') or (>= '0' and <= '9')))
            {
                return false;
            }
        }

        return true;
    }
}
